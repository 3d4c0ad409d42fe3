// A thread that announces all peers of a shared population, in an order of its own. Used by the stress
// test in population.test.ts: several threads mark the same peers at the same time.
import { parentPort, workerData } from 'node:worker_threads'
import { Population, TORRENT_PEERS, torrentAt } from '../../load/population.ts'

const { buffers, gate, step, threads } = workerData
const population = new Population(buffers)
const go = new Int32Array(gate)
// All begin at one moment.
Atomics.add(go, 0, 1)
Atomics.notify(go, 0)
while (Atomics.load(go, 0) < threads) Atomics.wait(go, 0, Atomics.load(go, 0), 10)
for (let i = 0; i < population.torrents; i++) {
  const torrent = (i * step) % population.torrents
  const peers = population.words[torrentAt(torrent) + TORRENT_PEERS]
  for (let rank = 0; rank < peers; rank++) {
    const seeder = population.isSeeder(torrent, rank)
    population.markSent(torrent, rank, seeder)
    population.markKnown(torrent, rank, seeder)
  }
}
parentPort?.postMessage('done')

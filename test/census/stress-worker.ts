// One thread of the stress test: its peers come, announce again and leave, together with those of others
// in the same buckets. Reports which peers must be there at the end.

import { parentPort, workerData } from 'node:worker_threads'
import { ClientSample, type ClientSampleData } from '../../src/census/sample.ts'
import { randomWords } from '../support/random.ts'
import { peerOf } from '../swarm/harness.ts'

export interface StressTask {
  readonly data: ClientSampleData
  readonly thread: number
  readonly threads: number
  readonly peers: readonly StressPeer[]
  readonly operations: number
  /** One word: threads that are ready. None starts before all are. */
  readonly gate: SharedArrayBuffer
}

/** A thread's own: no other thread notes or forgets it. */
export interface StressPeer {
  readonly peer: number
  /** Where it must be at level 0; unknown for a sample with higher levels. */
  readonly place?: { readonly bucket: number; readonly hash: number }
}

export const STRESS_NOW = 5000
/** The peer id holds the peer's number after these letters. */
export const STRESS_ID = 0x4271712d

function run(task: StressTask): number {
  const { data, thread, threads, peers, operations } = task
  const words = new Int32Array(data.words)
  const sample = new ClientSample(data)
  sample.setTime(STRESS_NOW)
  const random = randomWords(thread + 1)
  const there = new Set<number>()
  const gate = new Int32Array(task.gate)
  if (Atomics.add(gate, 0, 1) === threads - 1) Atomics.notify(gate, 0)
  for (let n = Atomics.load(gate, 0); n < threads; n = Atomics.load(gate, 0)) {
    Atomics.wait(gate, 0, n, 1000)
  }
  for (let i = 0; i < operations; i++) {
    const { peer, place } = peers[random() % peers.length]
    const leaves = random() % 2 === 0
    if (leaves) sample.forget(peer, peerOf(true, [peer, 0, 0, 0], 1))
    else sample.note(peer, peerOf(true, [peer, 0, 0, 0], 1), STRESS_ID, peer)
    if (leaves) there.delete(peer)
    else there.add(peer)
    if (place === undefined) continue
    const entries = timesIn(words, place.bucket, place.hash)
    if (entries !== (leaves ? 0 : 1)) throw new Error(`peer ${peer} is there ${entries} times`)
  }
  return there.size
}

/** Entries of a peer: others in the bucket may change meanwhile, these may not. */
function timesIn(words: Int32Array, bucket: number, hash: number): number {
  let times = 0
  for (let at = bucket + 1; at < bucket + 16; at++) if (Atomics.load(words, at) === hash) times++
  return times
}

parentPort?.postMessage(run(workerData as StressTask))

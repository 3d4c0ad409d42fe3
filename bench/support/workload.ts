// What micro benchmarks ask for: seeded, so that every run asks for the same. Owns the generator's state.
//
// The load is that of a busy tracker: half as many torrents as peers, most peers in a few thousand
// swarms of 60 to 700.

/** Of all peers, so many per torrent. */
export const PEERS_PER_TORRENT = 2

let state = 0x2545f491
export function random(): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) / 2 ** 32
}

/** Popular torrents have up to 800 peers, the others one for every second torrent. */
export function pickTorrent(torrents: number): number {
  if (random() < 0.27) return Math.floor(random() * torrents)
  return Math.min(torrents - 1, Math.floor((-Math.log(1 - random()) * torrents) / 500))
}

export function writeInfoHash(words: Int32Array, at: number, torrent: number): void {
  for (let i = 0; i < 5; i++) words[at + i] = Math.imul(torrent + 1, 0x9e3779b1 + i * 2)
}

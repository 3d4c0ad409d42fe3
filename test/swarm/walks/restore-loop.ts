// Restores many torrents of one peer each, for restore.test.ts, which counts the collections of garbage
// meanwhile.
import { PIECE_COMPLETED, PIECE_HEAD_WORDS, PIECE_PEERS } from '../../../src/swarm/walks/export.ts'
import { restored, restorePiece, restoring } from '../../../src/swarm/walks/restore.ts'
import { Harness, testBuffers } from '../harness.ts'

const PIECES = 200_000
const limits = { maxTorrents: PIECES + 1, maxPeers: PIECES + 1, workers: 1 }
const harness = new Harness(testBuffers(limits))
const stride = harness.swarms.ipv4[0].stride
const pieceWords = PIECE_HEAD_WORDS + stride
const words = new Int32Array(PIECES * pieceWords)
const infoHash = new Int32Array(5)
for (let piece = 0; piece < PIECES; piece++) {
  const at = piece * pieceWords
  harness.writeInfoHash(piece, infoHash)
  words.set(infoHash, at)
  words[at + PIECE_COMPLETED] = 1
  words[at + PIECE_PEERS] = 1
  words[at + PIECE_HEAD_WORDS] = piece
  words[at + PIECE_HEAD_WORDS + stride - 1] = 5000
}
Object.assign(restoring, { copiedAt: 0, elapsed: 0, now: 0, maxAge: 1000, completed: true })
Object.assign(restored, { peers: 0, tooOld: 0, known: 0, refused: 0 })
process.stderr.write('begin\n')
for (let at = 0; at < words.length; ) at = restorePiece(harness.swarms, true, words, at)
process.stderr.write(`end after ${restored.peers} bytes\n`)

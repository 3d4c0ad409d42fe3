// Writes the counts of completed downloads of the WebTorrent swarms to a file in the snapshot format
// (format.ts), and reads them back. Called by count-state.ts.
//
//  a piece  0…4 info hash │ 5 completed downloads │ 6 1 │ 7 the second at which it last had peers, by the
//           wall clock, u32
//
// A torrent can be in the file twice: as it is now, and as it was before the last restart.

import type { Table } from '../swarm/table/table.ts'
import { COUNTS_WORDS, PIECE_COMPLETED, PIECE_PEERS, Walk } from '../swarm/walks/export.ts'
import { BlockReader } from './block-reader.ts'
import { BlockWriter } from './block-writer.ts'
import { PRIVATE_MODE, replaceFile } from './files.ts'
import { BLOCK_COUNTS } from './format.ts'
import type { WriteRequest } from './persistence.ts'

export const COUNT_WORDS = 8
export const COUNT_SECOND = 7
const SECOND_WORDS = 1

const STRIDES = new Map([[BLOCK_COUNTS, SECOND_WORDS]])

/** Words of waiting counts added at once. */
const WAITING_WORDS = 65_536

/** Writes the counts in `tables`, followed by `waiting`. Returns how many there were, and their size. */
export async function writeCounts(
  { path, bootId, gently, mustStop }: WriteRequest,
  tables: readonly Table[],
  waiting: Int32Array,
): Promise<{ counts: number; bytes: number }> {
  const walk = new Walk(true)
  let figures = { counts: 0, bytes: 0 }
  await replaceFile(path, PRIVATE_MODE, async (write) => {
    const file = new BlockWriter(write, bootId)
    await file.begin()
    for (const table of tables) {
      await file.addTable(walk, table, {
        kind: BLOCK_COUNTS,
        gently,
        mustStop,
        take: () => {
          takeCounted(walk)
          addTo(file, walk.words, walk.used)
        },
      })
    }
    for (let at = 0; at < waiting.length; at += WAITING_WORDS) {
      const part = waiting.subarray(at, at + WAITING_WORDS)
      addTo(file, part, part.length)
      await file.flush(BLOCK_COUNTS)
    }
    await file.flush(BLOCK_COUNTS)
    await file.finish()
    figures = { counts: file.pieces, bytes: file.bytes }
  })
  return figures
}

function addTo(file: BlockWriter, words: Int32Array, count: number): void {
  file.add(words, count)
  file.pieces += count / COUNT_WORDS
  file.peers += count / COUNT_WORDS
}

/** Reduces the walk's pieces to those with completed downloads, in the file's form. */
function takeCounted(walk: Walk): void {
  const { words } = walk
  const now = Math.floor(Date.now() / 1000)
  let to = 0
  for (let at = 0; at < walk.used; at += COUNTS_WORDS) {
    if (words[at + PIECE_COMPLETED] === 0) continue
    words.copyWithin(to, at, at + PIECE_PEERS)
    words[to + PIECE_PEERS] = 1
    words[to + COUNT_SECOND] = now
    to += COUNT_WORDS
  }
  walk.used = to
}

/**
 * The counts in a file that are not older than `since` (a second of the wall clock), at most `max`. Null when
 * there is no file. Throws SnapshotRefused.
 */
export function readCounts(path: string, since: number, max: number): Int32Array | null {
  const reader = BlockReader.open(path, STRIDES)
  if (reader === null) return null
  try {
    const { end } = reader.check()
    const entries = new Int32Array(Math.min(end.pieces, max) * COUNT_WORDS)
    let used = 0
    for (const { words, count } of reader.blocks()) {
      for (let at = 0; at < count; at += COUNT_WORDS) {
        if (words[at + COUNT_SECOND] >>> 0 < since || used === entries.length) continue
        entries.set(words.subarray(at, at + COUNT_WORDS), used)
        used += COUNT_WORDS
      }
    }
    return entries.subarray(0, used)
  } finally {
    reader.close()
  }
}

// What nodes tell each other beside batches: requests for what was missed, and what ends an answer. Written and checked
// here; called by asking.ts and answering.ts. Checked as strictly as packets of strangers are.
//
//  0 magic and version │ 1 kind │ 2 ticket │ 3 start of the node that is asked, or answers │ then by kind:
//  BATCHES  4 how many ranges │ 5… of each: first sequence, last sequence
//  WALK     4 seconds back │ 5 segment │ 6 number of the walk, which stays the same when a segment is asked for again
//  END      4 segment │ 5 whether it is the last │ 6 parts of it │ 7 how many nodes │ 8… of each: 8 words of name,
//           start, and what the sender had of it when the walk began: the sequence up to which it had missed nothing, the last
//           one that it had, how many it had missed between
//  BUSY     nothing
//  HEARD    4 how many nodes │ 5… of each as above: runs that have ended, and how far the sender has heard them
import type { Extent } from './holes.ts'
import { SEGMENT_PARTS } from './layout.ts'
import { NODE_NAME } from './subjects.ts'

/** «aqk» in front of the version, as bytes. */
const MAGIC_AND_VERSION = 0x02_6b7161

export const ASK_BATCHES = 1
export const ASK_WALK = 2
export const END_OF_SEGMENT = 3
export const BUSY = 4
export const HEARD = 5

const KIND = 1
const TICKET = 2
const START = 3
const HEAD_WORDS = 4

export const RANGES_MAX = 16
/** So many nodes a node knows at most: more than any cluster of full copies can have. */
export const NODES_MAX = 256
const NAME_WORDS = 8
const NODE_WORDS = NAME_WORDS + 4
const CONTROL_BYTES_MAX = (HEAD_WORDS + 4 + NODES_MAX * NODE_WORDS) * 4
const SEGMENTS_MAX = 2 ** 16

export interface Range {
  readonly from: number
  readonly to: number
}

/** How far a node has heard a run of another one. */
export interface Heard extends Extent {
  readonly name: string
  readonly start: number
}

interface Common {
  readonly ticket: number
  readonly start: number
}

export type Control = Common &
  (
    | { readonly kind: typeof ASK_BATCHES; readonly ranges: readonly Range[] }
    | {
        readonly kind: typeof ASK_WALK
        readonly seconds: number
        readonly segment: number
        readonly walk: number
      }
    | {
        readonly kind: typeof END_OF_SEGMENT
        readonly segment: number
        readonly isLast: boolean
        readonly parts: number
        readonly heard: readonly Heard[]
      }
    | { readonly kind: typeof BUSY }
    | { readonly kind: typeof HEARD; readonly heard: readonly Heard[] }
  )

export function writeControl(message: Control): Uint8Array {
  const words = [MAGIC_AND_VERSION, message.kind, message.ticket, message.start]
  if (message.kind === ASK_BATCHES) {
    words.push(message.ranges.length)
    for (const { from, to } of message.ranges) words.push(from, to)
  } else if (message.kind === ASK_WALK) {
    words.push(message.seconds, message.segment, message.walk)
  }
  if (message.kind === END_OF_SEGMENT) {
    words.push(message.segment, message.isLast ? 1 : 0, message.parts)
  }
  if (message.kind === END_OF_SEGMENT || message.kind === HEARD) {
    const { heard } = message
    words.push(heard.length)
    for (const { name, start, sequence, highest, missing } of heard) {
      words.push(...nameWords(name), start, sequence, highest, missing)
    }
  }
  return new Uint8Array(Uint32Array.from(words).buffer)
}

function nameWords(name: string): Uint32Array {
  const bytes = new Uint8Array(NAME_WORDS * 4)
  new TextEncoder().encodeInto(name, bytes)
  return new Uint32Array(bytes.buffer)
}

/** Whether it is meant to be one; otherwise it may be a batch. */
export function isControl(bytes: Uint8Array): boolean {
  return bytes.length > 3 && bytes[0] === 0x61 && bytes[1] === 0x71 && bytes[2] === 0x6b
}

/** Null for what is no such message. */
export function readControl(bytes: Uint8Array): Control | null {
  if (bytes.length > CONTROL_BYTES_MAX || bytes.length % 4 !== 0) return null
  const words = new Uint32Array(bytes.slice().buffer)
  if (words.length < HEAD_WORDS || words[0] !== MAGIC_AND_VERSION || words[START] === 0) return null
  const common = { ticket: words[TICKET], start: words[START] }
  const body = words.subarray(HEAD_WORDS)
  switch (words[KIND]) {
    case ASK_BATCHES: {
      const ranges = readRanges(body)
      return ranges && { ...common, kind: ASK_BATCHES, ranges }
    }
    case ASK_WALK: {
      const [seconds, segment, walk] = body
      if (body.length !== 3 || segment >= SEGMENTS_MAX) return null
      return { ...common, kind: ASK_WALK, seconds, segment, walk }
    }
    case END_OF_SEGMENT:
      return readEnd(common, body)
    case HEARD: {
      const heard = readHeard(body)
      return heard && { ...common, kind: HEARD, heard }
    }
    case BUSY:
      return body.length === 0 ? { ...common, kind: BUSY } : null
    default:
      return null
  }
}

function readRanges(body: Uint32Array): Range[] | null {
  const [count] = body
  if (body.length === 0 || count === 0 || count > RANGES_MAX || body.length !== 1 + count * 2) {
    return null
  }
  const ranges: Range[] = []
  for (let at = 1; at < body.length; at += 2) {
    const [from, to] = body.subarray(at, at + 2)
    if (((to - from) | 0) < 0) return null
    ranges.push({ from, to })
  }
  return ranges
}

function readEnd(common: Common, body: Uint32Array): Control | null {
  if (body.length < 4) return null
  const [segment, last, parts] = body
  if (segment >= SEGMENTS_MAX || last > 1 || parts > SEGMENT_PARTS) return null
  const heard = readHeard(body.subarray(3))
  return heard && { ...common, kind: END_OF_SEGMENT, segment, isLast: last === 1, parts, heard }
}

function readHeard(body: Uint32Array): Heard[] | null {
  const [count] = body
  if (body.length === 0 || count > NODES_MAX || body.length !== 1 + count * NODE_WORDS) return null
  const heard: Heard[] = []
  for (let at = 1; at < body.length; at += NODE_WORDS) {
    const name = readName(body.slice(at, at + NAME_WORDS))
    if (name === null) return null
    const [start, sequence, highest, missing] = body.subarray(at + NAME_WORDS, at + NODE_WORDS)
    heard.push({ name, start, sequence, highest, missing })
  }
  return heard
}

function readName(words: Uint32Array): string | null {
  const name = Buffer.from(words.buffer).toString('latin1').replace(/\0+$/, '')
  return NODE_NAME.test(name) ? name : null
}

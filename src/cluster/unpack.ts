// Checks a batch from another node as strictly as a stranger's packet, before anything is done with it: what the magic
// word says, lengths, counts, units and each record. Called by the link for each message, with a copy of it: the engine's
// bytes are unaligned and not ours.

import { STATE_COMPLETED_MAX } from '../swarm/layout.ts'
import { OFFSET_MAX } from './cluster-clock.ts'
import {
  AGE_UNIT_MAX,
  BATCH_AGE_UNIT,
  BATCH_CLOCK,
  BATCH_FLAGS,
  BATCH_HEAD_WORDS,
  BATCH_MAGIC_VERSION,
  BATCH_OFFSET,
  BATCH_PURPOSE,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  BATCH_RECORDS_MAX,
  BATCH_SENT_HIGH,
  BATCH_START,
  BATCH_UPTIME,
  BATCH_WORDS_MAX,
  FLAGS_MAX,
  KIND_COMPLETED,
  KIND_COUNT,
  KIND_LEFT,
  KIND_MAX,
  kindOfRecord,
  MAGIC,
  PURPOSE_MAX,
  RECORD_ADDRESS,
  RECORD_KIND_SHIFT,
  RECORD_PORT_MASK,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
  VERSION,
} from './layout.ts'

// Results: why a batch is refused.
export const BATCH_GOOD = 0
/** Shorter than a head, or longer than any batch. */
export const BATCH_BAD_SIZE = 1
/** No batch at all. */
export const BATCH_FOREIGN = 2
/** Of another version of the protocol: an older or newer node. */
export const BATCH_OTHER_VERSION = 3
/** The head contradicts itself or the length. */
export const BATCH_BAD_HEAD = 4
/** A record that no node writes. */
export const BATCH_BAD_RECORD = 5

/** By result; labels of metrics. */
export const BATCH_RESULTS: readonly string[] = [
  'good',
  'bad_size',
  'foreign',
  'other_version',
  'bad_head',
  'bad_record',
]

const MAGIC_MASK = 0xffffff
/** Some hundred years of milliseconds. */
const SENT_HIGH_MAX = 1023

// HOT: no allocation below this line.

/** BATCH_GOOD, or why the first `size` words are no batch. */
export function checkBatch(words: Int32Array, size: number): number {
  if (size < 1 || size > BATCH_WORDS_MAX) return BATCH_BAD_SIZE
  // Before the size: the head of another version may be shorter.
  const first = words[BATCH_MAGIC_VERSION]
  if ((first & MAGIC_MASK) !== MAGIC) return BATCH_FOREIGN
  if (first >>> 24 !== VERSION) return BATCH_OTHER_VERSION
  if (size < BATCH_HEAD_WORDS) return BATCH_BAD_SIZE
  const records = words[BATCH_RECORDS]
  const recordWords = words[BATCH_RECORD_WORDS]
  if (records < 0 || records > BATCH_RECORDS_MAX) return BATCH_BAD_HEAD
  if (recordWords !== RECORD_WORDS_IPV4 && recordWords !== RECORD_WORDS_IPV6) return BATCH_BAD_HEAD
  if (size !== BATCH_HEAD_WORDS + records * recordWords) return BATCH_BAD_HEAD
  if (!isHead(words)) return BATCH_BAD_HEAD
  for (let at = BATCH_HEAD_WORDS; at < size; at += recordWords) {
    if (!isRecord(words, at, recordWords)) return BATCH_BAD_RECORD
  }
  return BATCH_GOOD
}

function isHead(words: Int32Array): boolean {
  const purpose = words[BATCH_PURPOSE]
  const unit = words[BATCH_AGE_UNIT]
  const uptime = words[BATCH_UPTIME]
  const flags = words[BATCH_FLAGS]
  const high = words[BATCH_SENT_HIGH]
  const offset = words[BATCH_OFFSET]
  if (words[BATCH_START] === 0 || words[BATCH_CLOCK] === 0) return false
  if (offset < -OFFSET_MAX || offset > OFFSET_MAX) return false
  if (purpose < 0 || purpose > PURPOSE_MAX || flags < 0 || flags > FLAGS_MAX) return false
  if (unit < 1 || unit > AGE_UNIT_MAX || (unit & (unit - 1)) !== 0) return false
  return uptime >= 0 && high >= 0 && high <= SENT_HIGH_MAX
}

function isRecord(words: Int32Array, at: number, recordWords: number): boolean {
  const last = words[at + recordWords - 1]
  const kind = kindOfRecord(last)
  if (kind > KIND_MAX) return false
  if (kind === KIND_COUNT)
    return last === KIND_COUNT << RECORD_KIND_SHIFT && isCount(words, at, recordWords)
  if ((last & RECORD_PORT_MASK) === 0) return false
  if (kind === KIND_LEFT) return last >= 0
  return kind !== KIND_COMPLETED || last < 0
}

function isCount(words: Int32Array, at: number, recordWords: number): boolean {
  const count = words[at + RECORD_ADDRESS]
  if (count <= 0 || count > STATE_COMPLETED_MAX) return false
  for (let i = at + RECORD_ADDRESS + 1; i < at + recordWords - 1; i++) {
    if (words[i] !== 0) return false
  }
  return true
}

// The index protocol of a ring, and the ways to sleep and wake, as programs for the checker of all
// interleavings. Follows src/channel/ring.ts and sleep-word.ts step by step; each mistake that one
// could make there is a variant here, which the checker has to find. Used by model.test.ts.
import {
  atomicLoad,
  atomicStore,
  jump,
  label,
  load,
  type Step,
  set,
  store,
  type Value,
} from '../support/interleavings.ts'

export type Mistake =
  | 'none'
  | 'head is a plain store'
  | 'head is published before the records'
  | 'tail is a plain store'
  | 'tail is released before the records are read'
  | 'full is noticed one word late'
  | 'the sleeper looks before it says that it sleeps'
  | 'the sleeper says it by a plain store'
  | 'the waker looks before it publishes'
  | 'the waker never wakes'
  | 'the writer that waits is not woken'

export type Sleep = 'futex' | 'event'

// Cells of shared memory.
const HEAD = 0
const TAIL = 1
const WRITER_WAITS = 2
const READER_SLEEPS = 3
/** The count of an eventfd, or the messages in a port: what keeps a wake-up that comes early. */
const EVENT = 4
const RECORDS = 5

const SKIP = -1

/** Tiny: two records of one payload word, or four of none. */
const CAPACITY = 4
const MASK = CAPACITY - 1

export const MEMORY: readonly number[] = Array<number>(RECORDS + CAPACITY).fill(0)

/** Record i has this many payload words: with both lengths in turn, some have to skip the ring's end. */
const lengthOf = (record: number) => record & 1
const payloadOf = (record: number) => 100 + record

/** Writes records, `batch` at a time, and waits where the ring is full. */
export function writer(records: number, batch: number, sleep: Sleep, mistake: Mistake): Step[] {
  const steps: Step[] = [set('head', 0), set('tail', 0), set('published', 0)]
  for (let record = 0; record < records; record++) {
    steps.push(...roomFor(record, sleep, mistake))
    if (mistake === 'head is published before the records') {
      steps.push(...publish(`early ${record}`, sleep, mistake, newHead(record)))
    }
    steps.push(...append(record))
    if (record % batch === batch - 1 || record === records - 1) {
      steps.push(...publish(`after ${record}`, sleep, mistake))
    }
  }
  return steps
}

const skipped = (head: number, count: number) => {
  const left = CAPACITY - (head & MASK)
  return count < left ? 0 : left
}

const isFull = (head: number, tail: number, count: number, mistake: Mistake) =>
  head - tail + skipped(head, count) + count >=
  CAPACITY + (mistake === 'full is noticed one word late' ? 1 : 0)

const newHead =
  (record: number): ((read: (register: string) => number) => number) =>
  (read) =>
    read('head') + skipped(read('head'), lengthOf(record)) + lengthOf(record) + 1

function roomFor(record: number, sleep: Sleep, mistake: Mistake): Step[] {
  const full = (read: (register: string) => number) =>
    isFull(read('head'), read('tail'), lengthOf(record), mistake)
  return [
    label(`room ${record}`),
    jump(`fits ${record}`, (read) => !full(read)),
    atomicLoad('tail', TAIL),
    jump(`fits ${record}`, (read) => !full(read)),
    ...publish(`full ${record}`, sleep, mistake),
    // waitForRoom
    atomicStore(WRITER_WAITS, 1),
    atomicLoad('tail', TAIL),
    jump(`awake ${record}`, (read) => !full(read)),
    { op: 'wait', cell: WRITER_WAITS, value: 1 },
    label(`awake ${record}`),
    { op: 'exchange', to: 'ignored', cell: WRITER_WAITS, value: 0 },
    jump(`room ${record}`),
    label(`fits ${record}`),
  ]
}

function append(record: number): Step[] {
  const count = lengthOf(record)
  const cell =
    (offset: number): Value =>
    (read) =>
      RECORDS + ((read('head') + offset) & MASK)
  const steps: Step[] = [
    jump(`whole ${record}`, (read) => skipped(read('head'), count) === 0),
    store(cell(0), SKIP),
    set('head', (read) => read('head') + skipped(read('head'), count)),
    label(`whole ${record}`),
  ]
  if (count === 1) steps.push(store(cell(1), payloadOf(record)))
  steps.push(
    store(cell(0), count),
    set('head', (read) => read('head') + count + 1),
  )
  return steps
}

/** Also wakes the reader, as whoever publishes has to. */
function publish(
  where: string,
  sleep: Sleep,
  mistake: Mistake,
  head: Value = (read) => read('head'),
): Step[] {
  const value = typeof head === 'number' ? () => head : head
  const publishing: Step[] = [
    mistake === 'head is a plain store' ? store(HEAD, head) : atomicStore(HEAD, head),
    set('published', head),
  ]
  const waking = wake(READER_SLEEPS, where, sleep, mistake === 'the waker never wakes')
  const [look, ...rest] = waking
  return [
    jump(`published ${where}`, (read) => value(read) === read('published')),
    ...(mistake === 'the waker looks before it publishes'
      ? [look, ...publishing, ...rest]
      : [...publishing, ...waking]),
    label(`published ${where}`),
  ]
}

/** claimWake, and the wake-up itself. */
function wake(word: number, where: string, sleep: Sleep, never: boolean): Step[] {
  if (never) return [label(`never ${where}`)]
  const wakeUp: Step[] =
    sleep === 'futex'
      ? [{ op: 'notify', cell: word }]
      : [{ op: 'exchange', to: 'ignored', cell: EVENT, value: 1 }]
  return [
    atomicLoad('word', word),
    jump(`woken ${where}`, (read) => read('word') !== 1),
    { op: 'exchange', to: 'word', cell: word, value: 0 },
    jump(`woken ${where}`, (read) => read('word') !== 1),
    ...wakeUp,
    label(`woken ${where}`),
  ]
}

/** Reads all records; at the end, when no load is late any more, checks that each was whole. */
export function reader(records: number, sleep: Sleep, mistake: Mistake): Step[] {
  const steps: Step[] = [set('tail', 0), set('head', 0)]
  for (let record = 0; record < records; record++) {
    steps.push(...take(record, sleep, mistake))
  }
  for (let record = 0; record < records; record++) {
    if (lengthOf(record) === 0) continue
    steps.push({
      op: 'check',
      claim: 'a record has its payload',
      holds: (read) => read(`payload ${record}`) === payloadOf(record),
    })
  }
  return steps
}

/** Reads one record; before that, where none is known, releases what was read and looks for more. */
function take(record: number, sleep: Sleep, mistake: Mistake): Step[] {
  const cell =
    (offset: number): Value =>
    (read) =>
      RECORDS + ((read('tail') + offset) & MASK)
  const early = mistake === 'tail is released before the records are read'
  const steps: Step[] = [
    label(`next ${record}`),
    jump(`known ${record}`, (read) => read('tail') !== read('head')),
    ...(early ? [] : release(`${record}`, 'tail', mistake)),
    label(`refresh ${record}`),
    atomicLoad('head', HEAD),
    jump(`news ${record}`, (read) => read('head') !== read('tail')),
    ...sleepForRecords(`${record}`, sleep, mistake),
    jump(`refresh ${record}`),
    label(`news ${record}`),
    ...(early ? release(`${record}`, 'head', mistake) : []),
    label(`known ${record}`),
    load('count', cell(0)),
    jump(`record ${record}`, (read) => read('count') !== SKIP),
    set('tail', (read) => (read('tail') | MASK) + 1),
    jump(`next ${record}`),
    label(`record ${record}`),
    {
      op: 'check',
      claim: 'a record has its length',
      holds: (read) => read('count') === lengthOf(record),
    },
  ]
  if (lengthOf(record) === 1) steps.push(load(`payload ${record}`, cell(1)))
  steps.push(set('tail', (read) => read('tail') + read('count') + 1))
  return steps
}

/** RingReader.release. */
function release(where: string, index: 'tail' | 'head', mistake: Mistake): Step[] {
  const value: Value = (read) => read(index)
  const waking = wake(WRITER_WAITS, `writer ${where}`, 'futex', false)
  return [
    mistake === 'tail is a plain store' ? store(TAIL, value) : atomicStore(TAIL, value),
    ...(mistake === 'the writer that waits is not woken' ? [] : waking),
  ]
}

/** Inbox.maySleep, the sleep, and Inbox.awake. */
function sleepForRecords(where: string, sleep: Sleep, mistake: Mistake): Step[] {
  const say =
    mistake === 'the sleeper says it by a plain store'
      ? store(READER_SLEEPS, 1)
      : atomicStore(READER_SLEEPS, 1)
  const look = atomicLoad('head', HEAD)
  const late = mistake === 'the sleeper looks before it says that it sleeps'
  const asleep: Step[] =
    sleep === 'futex'
      ? [{ op: 'wait', cell: READER_SLEEPS, value: 1 }]
      : [
          { op: 'await', cell: EVENT },
          { op: 'exchange', to: 'ignored', cell: EVENT, value: 0 },
        ]
  return [
    ...(late ? [look, say] : [say, look]),
    jump(`awake ${where}`, (read) => read('head') !== read('tail')),
    ...asleep,
    label(`awake ${where}`),
    { op: 'exchange', to: 'ignored', cell: READER_SLEEPS, value: 0 },
  ]
}

// One thread of the ring stress test: sends numbered records with checksums to every consumer, or
// takes and checks those of every producer. Stalls at random, so that rings run full and empty.
import { parentPort, workerData } from 'node:worker_threads'
import { Inbox } from '../../src/channel/inbox.ts'
import { RingReader, RingWriter } from '../../src/channel/ring.ts'
import { EventWaker, FutexWaker, type Waker } from '../../src/channel/waker.ts'
import { clearEvent } from '../../src/os/event-fd.ts'
import { Poll } from '../../src/os/poll.ts'
import { randomWords } from '../support/random.ts'

/** How a consumer sleeps. */
export interface Sleeper {
  readonly word: SharedArrayBuffer
  /** An eventfd, or −1 for a futex. */
  readonly event: number
}

export interface StressTask {
  readonly producer: boolean
  readonly seed: number
  /** Records per ring. */
  readonly records: number
  /** This thread's rings: to each consumer, or from each producer. */
  readonly rings: readonly SharedArrayBuffer[]
  /** Of each consumer, for a producer; its own, for a consumer. */
  readonly sleepers: readonly Sleeper[]
}

export interface StressReport {
  readonly records: number
  readonly words: number
  /** Times that a ring was full, or that a consumer slept. */
  readonly waits: number
}

export const RECORD_WORDS_MAX = 30

/** A lost wake-up costs this long, which the test takes for a failure. */
const SLEEP_MILLISECONDS = 60_000

function produce({ records, rings, sleepers, seed }: StressTask): StressReport {
  const random = randomWords(seed)
  const writers = rings.map((ring) => new RingWriter(ring, RECORD_WORDS_MAX))
  const wakers = sleepers.map(wakerOf)
  const sent = rings.map(() => 0)
  let words = 0
  let waits = 0
  for (let left = records * rings.length; left > 0; ) {
    const to = random() % rings.length
    const batch = Math.min(1 + (random() % 20), records - sent[to])
    const writer = writers[to]
    for (let i = 0; i < batch; i++) {
      const count = 3 + (random() % (RECORD_WORDS_MAX - 2))
      let at = writer.room(RECORD_WORDS_MAX)
      if (at === 0) {
        waits++
        if (writer.publish()) wakers[to].wake()
        if (!writer.waitForRoom(RECORD_WORDS_MAX, SLEEP_MILLISECONDS)) throw new Error('no room')
        at = writer.room(RECORD_WORDS_MAX)
      }
      writeRecord(writer.words, at, count, sent[to]++, random())
      writer.append(at, count)
      words += count
    }
    if (writer.publish()) wakers[to].wake()
    left -= batch
    stall(random)
  }
  return { records: records * rings.length, words, waits }
}

function wakerOf({ word, event }: Sleeper): Waker {
  return event < 0 ? new FutexWaker(word) : new EventWaker(word, event)
}

//  0 number │ 1 checksum │ 2… filling
function writeRecord(words: Int32Array, at: number, count: number, n: number, filling: number) {
  let sum = n ^ count
  for (let i = 2; i < count; i++) {
    const word = Math.imul(filling, i) | 0
    words[at + i] = word
    sum = (Math.imul(sum, 31) + word) | 0
  }
  words[at] = n
  words[at + 1] = sum
}

function consume({ records, rings, sleepers: [sleeper], seed }: StressTask): StressReport {
  const random = randomWords(seed)
  const readers = rings.map((ring) => new RingReader(ring))
  const inbox = new Inbox(readers, sleeper.word)
  const poll = sleeper.event < 0 ? undefined : new Poll([sleeper.event])
  const expected = rings.map(() => 0)
  let words = 0
  let waits = 0
  for (let left = records * rings.length; left > 0; ) {
    const before = left
    readers.forEach((reader, from) => {
      if (!reader.refresh()) return
      for (let at = reader.next(); at !== 0; at = reader.next()) {
        checkRecord(reader.words, at, reader.count, expected[from]++)
        words += reader.count
        left--
        if (random() % 8 === 0) reader.release()
      }
      reader.release()
    })
    stall(random)
    if (left !== before || left === 0) continue
    waits++
    waitForRecords(inbox, poll, sleeper.event)
  }
  return { records: records * rings.length, words, waits }
}

function waitForRecords(inbox: Inbox, poll: Poll | undefined, event: number): void {
  const startedAt = performance.now()
  if (poll === undefined) {
    inbox.sleep(SLEEP_MILLISECONDS)
  } else if (inbox.maySleep()) {
    poll.wait(SLEEP_MILLISECONDS)
    inbox.awake()
    clearEvent(event)
  }
  if (performance.now() - startedAt > SLEEP_MILLISECONDS / 2) throw new Error('nobody woke me')
}

function checkRecord(words: Int32Array, at: number, count: number, n: number): void {
  let sum = n ^ count
  for (let i = 2; i < count; i++) sum = (Math.imul(sum, 31) + words[at + i]) | 0
  if (words[at] !== n) throw new Error(`record ${words[at]} in place of ${n}`)
  if (words[at + 1] !== sum) throw new Error(`record ${n} is damaged`)
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** Nothing, mostly; some spinning, or a sleep now and then. */
function stall(random: () => number): void {
  const kind = random() % 4096
  if (kind === 0) Atomics.wait(never, 0, 0, (random() % 1000) / 1000)
  else if (kind < 64) for (let i = random() % 5000; i > 0; i--) Atomics.load(never, 0)
}

if (parentPort !== null && workerData?.stress !== undefined) {
  const task = workerData.stress as StressTask
  parentPort.postMessage(task.producer ? produce(task) : consume(task))
}

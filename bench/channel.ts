// What handing a record to another thread costs: through a ring within one thread (the code alone),
// from thread to thread at full speed, and there and back again with each way to sleep and be woken.
// Run: bun bench/channel.ts [--smoke]. Prints a checksum of all records.
import { isMainThread, type MessagePort, Worker, workerData } from 'node:worker_threads'
import { Doorbell, doorbellPort } from '../src/channel/doorbell.ts'
import { createSleepWord, Inbox } from '../src/channel/inbox.ts'
import { createRing, RingReader, RingWriter } from '../src/channel/ring.ts'
import { DoorbellWaker, EventWaker, FutexWaker, type Waker } from '../src/channel/waker.ts'
import { clearEvent, openEvent } from '../src/os/event-fd.ts'
import { Poll } from '../src/os/poll.ts'

const RECORD_WORDS = 11
const BATCH = 64
const RING_WORDS = 16384
const SLEEP_MILLISECONDS = 10_000

type Kind = 'futex' | 'event' | 'doorbell'

/** What the echo needs: it sends every record back, and a first word of −1 ends it. */
interface Echo {
  readonly kind: Kind
  readonly there: SharedArrayBuffer
  readonly back: SharedArrayBuffer
  readonly word: SharedArrayBuffer
  readonly backWord: SharedArrayBuffer
  readonly event: number
  readonly heard: MessagePort | null
}

const smoke = process.argv.includes('--smoke')

if (isMainThread) await main()
else runEcho(workerData as Echo)

async function main(): Promise<void> {
  let checksum = withinOneThread(smoke ? 10_000 : 20_000_000)
  for (const kind of ['futex', 'event', 'doorbell'] as const) {
    checksum = (checksum + (await thereAndBack(kind, smoke ? 200 : 20_000))) | 0
  }
  console.log(`checksum ${checksum}`)
  process.exit()
}

function withinOneThread(records: number): number {
  const ring = createRing(RING_WORDS)
  const writer = new RingWriter(ring, RECORD_WORDS)
  const reader = new RingReader(ring)
  let sum = 0
  const start = Bun.nanoseconds()
  for (let i = 0; i < records; i += BATCH) {
    for (let j = 0; j < BATCH; j++) writeRecord(writer, i + j)
    writer.publish()
    reader.refresh()
    for (let at = reader.next(); at !== 0; at = reader.next()) sum = (sum + reader.words[at]) | 0
    reader.release()
  }
  const each = (Bun.nanoseconds() - start) / records
  console.log(`written, published in batches of ${BATCH}, and read: ${each.toFixed(1)} ns a record`)
  return sum
}

function writeRecord(writer: RingWriter, first: number): void {
  const at = writer.room(RECORD_WORDS)
  const words = writer.words
  words[at] = first
  for (let i = 1; i < RECORD_WORDS; i++) words[at + i] = i
  writer.append(at, RECORD_WORDS)
}

/** One record at a time: what each thread does is fall asleep and be woken. */
async function thereAndBack(kind: Kind, rounds: number): Promise<number> {
  const bell = kind === 'doorbell' ? doorbellPort() : null
  const echo: Echo = {
    kind,
    there: createRing(RING_WORDS),
    back: createRing(RING_WORDS),
    word: createSleepWord(),
    backWord: createSleepWord(),
    event: openEvent(),
    heard: bell?.heard ?? null,
  }
  const worker = new Worker(new URL(import.meta.url), {
    workerData: echo,
    transferList: bell === null ? [] : [bell.heard],
  })
  const wakers: Record<Kind, () => Waker> = {
    futex: () => new FutexWaker(echo.word),
    event: () => new EventWaker(echo.word, echo.event),
    doorbell: () => new DoorbellWaker(echo.word, bell?.bell as MessagePort),
  }
  const waker = wakers[kind]()
  const writer = new RingWriter(echo.there, RECORD_WORDS)
  const reader = new RingReader(echo.back)
  const inbox = new Inbox([reader], echo.backWord)
  const micros = new Float64Array(rounds)
  let sum = 0
  for (let i = 0; i < rounds; i++) {
    const start = Bun.nanoseconds()
    writeRecord(writer, i)
    if (writer.publish()) waker.wake()
    while (!reader.refresh()) inbox.sleep(SLEEP_MILLISECONDS)
    sum = (sum + reader.words[reader.next()]) | 0
    reader.release()
    micros[i] = (Bun.nanoseconds() - start) / 1000
  }
  writeRecord(writer, -1)
  if (writer.publish()) waker.wake()
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  bell?.bell.close()
  await ended
  micros.sort()
  const at = (share: number) => micros[Math.floor(rounds * share)].toFixed(1)
  console.log(`${kind}, there and back by futex: p50 ${at(0.5)} µs, p99 ${at(0.99)} µs`)
  return sum
}

function runEcho(echo: Echo): void {
  const reader = new RingReader(echo.there)
  const writer = new RingWriter(echo.back, RECORD_WORDS)
  const waker = new FutexWaker(echo.backWord)
  const inbox = new Inbox([reader], echo.word)
  let ended = false
  const answer = () => {
    reader.refresh()
    for (let at = reader.next(); at !== 0; at = reader.next()) {
      if (reader.words[at] === -1) ended = true
      else writeRecord(writer, reader.words[at])
    }
    reader.release()
    if (writer.publish()) waker.wake()
  }
  if (echo.heard !== null) {
    const bell = new Doorbell(inbox, [echo.heard], () => {
      answer()
      if (ended) setImmediate(() => bell.close())
    })
    return
  }
  const poll = new Poll([echo.event])
  while (!ended) {
    answer()
    if (ended) return
    if (echo.kind === 'futex') inbox.sleep(SLEEP_MILLISECONDS)
    else if (inbox.maySleep()) {
      poll.wait(SLEEP_MILLISECONDS)
      inbox.awake()
      clearEvent(echo.event)
    }
  }
}

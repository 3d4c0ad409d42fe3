// Millions of records between threads that stall at random, over rings that run full and empty all
// the time: each arrives once, whole and in order, and no thread sleeps while there is a record for it.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { createSleepWord } from '../../src/channel/inbox.ts'
import { createRing } from '../../src/channel/ring.ts'
import { openEvent } from '../../src/os/event-fd.ts'
import { libc } from '../../src/os/ffi.ts'
import { RECORD_WORDS_MAX, type StressReport, type StressTask } from './stress-worker.ts'

setDefaultTimeout(180_000)

function runThread(task: StressTask): Promise<StressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('stress-worker.ts', import.meta.url), {
      workerData: { stress: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a stress thread ended with ${code}`)))
  })
}

// Every other consumer sleeps in poll. A ring holds two to twenty of the longest records.
test.each([
  { producers: 1, consumers: 1, records: 3_000_000, ringWords: 1024 },
  { producers: 1, consumers: 2, records: 50_000, ringWords: 64 },
  { producers: 4, consumers: 1, records: 500_000, ringWords: 256 },
  { producers: 3, consumers: 3, records: 100_000, ringWords: 128 },
  { producers: 8, consumers: 8, records: 20_000, ringWords: 256 },
])(
  '$producers producers, $consumers consumers, $records records each over $ringWords words',
  async ({ producers, consumers, records, ringWords }) => {
    const indices = (count: number) => Array.from({ length: count }, (_, i) => i)
    const rings = indices(producers).map(() =>
      indices(consumers).map(() => createRing(Math.max(ringWords, (RECORD_WORDS_MAX + 1) * 2))),
    )
    const sleepers = indices(consumers).map((i) => ({
      word: createSleepWord(),
      event: (i + producers) % 2 === 0 ? openEvent() : -1,
    }))
    const senders = indices(producers).map((p) =>
      runThread({ producer: true, seed: p + 1, records, rings: rings[p], sleepers }),
    )
    const receivers = indices(consumers).map((c) =>
      runThread({
        producer: false,
        seed: c + 101,
        records,
        rings: rings.map((of) => of[c]),
        sleepers: [sleepers[c]],
      }),
    )
    const [sent, received] = await Promise.all([Promise.all(senders), Promise.all(receivers)])
    const sum = (reports: StressReport[], of: 'records' | 'words' | 'waits') =>
      reports.reduce((total, report) => total + report[of], 0)
    expect(sum(received, 'records')).toBe(records * producers * consumers)
    expect(sum(received, 'words')).toBe(sum(sent, 'words'))
    // Otherwise nothing has waited, and nothing was tested.
    expect(sum(sent, 'waits')).toBeGreaterThan(100)
    expect(sum(received, 'waits')).toBeGreaterThan(10)
    for (const { event } of sleepers) if (event >= 0) libc.close(event)
  },
)

// The parts of the link by themselves: control messages, kept batches, holes, the difference of clocks.
import { expect, test } from 'bun:test'
import { ClockDifference } from '../../src/cluster/clock-difference.ts'
import {
  ASK_BATCHES,
  ASK_WALK,
  BUSY,
  type Control,
  END_OF_SEGMENT,
  isControl,
  readControl,
  writeControl,
} from '../../src/cluster/control.ts'
import { Holes } from '../../src/cluster/holes.ts'
import { SentBatches } from '../../src/cluster/sent-batches.ts'
import { randomWords } from '../support/random.ts'

const HEAD = { ticket: 7, start: 2 ** 32 - 1 }
const MESSAGES: readonly Control[] = [
  { ...HEAD, kind: ASK_BATCHES, ranges: [{ from: 2 ** 32 - 2, to: 1 }] },
  { ...HEAD, kind: ASK_WALK, seconds: 900, segment: 3, walk: 5 },
  {
    ...{ ...HEAD, kind: END_OF_SEGMENT, segment: 0, isLast: true, parts: 9 },
    heard: [{ name: 'a'.repeat(32), start: 4, sequence: 5 }],
  },
  { ...HEAD, kind: BUSY },
]

test.each(MESSAGES.map((message) => [message.kind, message] as const))(
  'a control message of kind %d is read as it was written',
  (_, message) => {
    const bytes = writeControl(message)
    expect(isControl(bytes)).toBe(true)
    expect(readControl(bytes)).toEqual(message)
    for (let size = 0; size < bytes.length; size++)
      expect(readControl(bytes.subarray(0, size))).toBeNull()
  },
)

test('what is no control message is refused, never an exception', () => {
  const word = randomWords(3)
  let refused = 0
  for (let i = 0; i < 50_000; i++) {
    const bytes = writeControl(MESSAGES[i % MESSAGES.length])
    for (let changes = 1 + (word() % 3); changes > 0; changes--)
      bytes[word() % bytes.length] = word()
    const message = readControl(bytes)
    if (message === null) refused++
    // What is left of it means what it says.
    else expect(readControl(writeControl(message))).toEqual(message)
  }
  expect(refused).toBeGreaterThan(5000)
})

test('batches that were sent are kept until room or time ends', () => {
  const word = randomWords(5)
  const sent = new SentBatches(2 ** 18, 60_000)
  const kept = new Map<number, number>()
  sent.next = 2 ** 32 - 100
  sent.oldest = sent.next
  for (let now = 0; now < 3000; now++) {
    const sequence = sent.next
    const count = 20 + (word() % 3000)
    kept.set(sequence, count)
    sent.add(new Int32Array(count).fill(sequence), now * 40)
    for (const [known, length] of kept) {
      const age = (sequence - known) >>> 0
      if (age > 1600) kept.delete(known)
      if (!sent.find(known)) continue
      expect(age).toBeLessThanOrEqual(1500)
      const words = sent.words.subarray(sent.at, sent.at + sent.count)
      expect([sent.count, words[0], words[length - 1]]).toEqual([length, known | 0, known | 0])
    }
    expect(sent.find(sequence)).toBe(true)
  }
})

test('holes are what has not come, also where sequences wrap', () => {
  const word = randomWords(9)
  for (let run = 0; run < 200; run++) {
    const first = (2 ** 32 - (word() % 60)) >>> 0
    const holes = new Holes(first)
    const come = new Set<number>()
    let highest = 0
    for (let i = 0; i < 60; i++) {
      const step = 1 + (word() % 40)
      const isNew = !come.has(step)
      // With more than sixteen holes some are joined over what has come.
      if (isNew) expect(holes.arrived((first + step) >>> 0, i, i)).toBe(true)
      come.add(step)
      highest = Math.max(highest, step)
      expect(holes.size()).toBeGreaterThanOrEqual(highest - come.size)
    }
    holes.filledTo((first + highest) >>> 0)
    expect([holes.isWhole(), holes.wholeTo()]).toEqual([true, (first + highest) >>> 0])
  }
})

test('a second of another clock is the same one however late a message is', () => {
  const difference = new ClockDifference()
  difference.heard(5_000_100, 1_000_110)
  const second = difference.secondOf(5_000_900)
  expect(second).toBe(1000)
  expect(difference.heard(5_000_900, 1_300_000)).toBe(299_090)
  expect(difference.secondOf(5_000_900)).toBe(second)
})

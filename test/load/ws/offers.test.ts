import { expect, test } from 'bun:test'
import {
  createOffers,
  IS_FIRST,
  IS_LATE,
  IS_REPEATED,
  IS_UNSENT,
  Offers,
} from '../../../load/ws/offers.ts'

const RING = 8

/** Two views of one memory, as two workers have. */
function pair(): [Offers, Offers] {
  const buffers = createOffers(4, RING, 2)
  return [new Offers(buffers), new Offers(buffers)]
}

test('an offer is delivered once and answered once, and keeps its receiver and times', () => {
  const [offerer, receiver] = pair()
  offerer.send(2, 5, 100.5)
  expect(receiver.timeMs(2, 5)).toBe(100.5)
  expect(receiver.deliver(2, 5, 3)).toBe(IS_FIRST)
  expect(receiver.deliver(2, 5, 1)).toBe(IS_REPEATED)
  receiver.sendAnswer(2, 5, 200.5)
  expect(offerer.receiver(2, 5)).toBe(3)
  expect(offerer.timeMs(2, 5)).toBe(200.5)
  expect(offerer.answer(2, 5)).toBe(IS_FIRST)
  expect(offerer.answer(2, 5)).toBe(IS_REPEATED)
})

test('answers are to come until no worker sends any more and all have arrived', () => {
  const [offerer, receiver] = pair()
  offerer.send(0, 1, 0)
  receiver.deliver(0, 1, 2)
  offerer.stopAnswering()
  expect([offerer.isAnswering, receiver.isAnswering]).toEqual([false, true])
  expect(offerer.answersToCome).toBe(true)
  receiver.sendAnswer(0, 1, 0)
  receiver.stopAnswering()
  expect(offerer.answersToCome).toBe(true)
  offerer.answer(0, 1)
  expect(offerer.answersToCome).toBe(false)
  expect(receiver.answersToCome).toBe(false)
})

test('an answer to an offer that was not delivered is noticed', () => {
  const [offerer] = pair()
  offerer.send(0, 1, 0)
  expect(offerer.answer(0, 1)).toBe(IS_UNSENT)
})

test('an offer replaced by a later one counts as late', () => {
  const [offerer, receiver] = pair()
  offerer.send(1, 2, 0)
  offerer.send(1, 2 + RING, 0)
  expect(receiver.deliver(1, 2, 0)).toBe(IS_LATE)
  expect(receiver.deliver(1, 2 + RING, 0)).toBe(IS_FIRST)
  expect(offerer.answer(1, 2)).toBe(IS_LATE)
})

test('numbers wrap', () => {
  const [offerer, receiver] = pair()
  const last = 2 ** 29 - 1
  expect(offerer.next(last)).toBe(0)
  offerer.send(3, last, 0)
  expect(receiver.deliver(3, last, 0)).toBe(IS_FIRST)
  expect(offerer.answer(3, last)).toBe(IS_FIRST)
})

// A worker asks its sockets when they have something, and never leaves them waiting, whatever the queues do.
import { expect, test } from 'bun:test'
import { SOCKETS_SKIPPED, SourceTurns } from '../../../src/udp/worker/source-turns.ts'

const SOCKETS = 2
const SOURCES = 3

test('a worker without queues asks all of its sockets in every turn', () => {
  const turns = new SourceTurns(SOCKETS, SOCKETS)
  for (let i = 0; i < 20; i++) {
    expect(turns.first()).toBe(0)
    turns.waited(i % 2 === 0)
  }
})

test('the first turn asks the sockets', () => {
  expect(new SourceTurns(SOURCES, SOCKETS).first()).toBe(0)
})

test('while the queues leave no time to wait, the sockets are asked in every eighth turn', () => {
  const turns = new SourceTurns(SOURCES, SOCKETS)
  const firsts = Array.from({ length: 4 * (SOCKETS_SKIPPED + 1) }, () => turns.first())
  for (const [i, first] of firsts.entries()) {
    expect(first).toBe(i % (SOCKETS_SKIPPED + 1) === 0 ? 0 : SOCKETS)
  }
})

test('after a wait the sockets are asked if they have something, and at once', () => {
  const turns = new SourceTurns(SOURCES, SOCKETS)
  turns.first()
  turns.waited(true)
  expect(turns.first()).toBe(0)
  // Each wait looks at the sockets: nothing is missed however many there are.
  for (let i = 0; i < 3 * SOCKETS_SKIPPED; i++) {
    turns.waited(false)
    expect(turns.first()).toBe(SOCKETS)
  }
  turns.waited(true)
  expect(turns.first()).toBe(0)
})

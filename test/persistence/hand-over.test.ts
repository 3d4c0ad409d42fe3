// A Persistence whose place another process takes, or is about to.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { signals } from '../../src/process/signals.ts'
import { waitUntil } from '../support/wait.ts'
import { lines, taker, whileServing } from './test-persistence.ts'

setDefaultTimeout(180_000)

const NEXT_MS = 60_000

describe('a stop in a take-over', () => {
  test('while the snapshot for it is written: that gives up, and the last one is on the disk', () =>
    whileServing(async ({ folder, state, persistence, given }) => {
      const line = await taker(folder)
      await state.until('write snapshot')
      const finished = persistence.finish()
      await waitUntil('the second', () => state.events.length === 3)
      state.end()
      expect(await finished).toBe(true)
      expect(state.events.at(-1)).toBe('written snapshot')
      expect(lines).not.toContain('the other process went away: this one keeps serving')
      // Not «failed»: the other side then starts with what was written last.
      expect(await line.next(NEXT_MS)).toBe(null)
      expect(line.isEnded).toBe(true)
      expect(given()).toBe(0)
      expect(readdirSync(folder).sort()).toEqual(['test.lock', 'test.snapshot'])
    }))

  test('once the other has the snapshot: what it lacks is written, and the folder is its own', () =>
    whileServing(async ({ folder, state, persistence, given }) => {
      state.isQuick = true
      const line = await taker(folder)
      expect(await line.next(NEXT_MS)).toBe('snapshot')
      const { length } = state.events
      // That would be the other's file by now.
      signals.receive('SIGUSR2')
      state.isQuick = false
      const finished = persistence.finish()
      await state.until('write rest')
      // It serves by now, so this stop must not be cut short.
      line.send('serving')
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      state.end()
      expect(await finished).toBe(true)
      expect(given()).toBe(0)
      expect(await line.next(NEXT_MS)).toBe('rest')
      expect(state.events.slice(length)).toEqual(['write rest', 'written rest'])
      expect(existsSync(join(folder, 'test.sock'))).toBe(true)
    }))

  test('once the other has gone away again: all is written', () =>
    whileServing(async ({ folder, state, persistence, given }) => {
      state.isQuick = true
      const line = await taker(folder)
      expect(await line.next(NEXT_MS)).toBe('snapshot')
      await line.close()
      // From then on there are snapshots again.
      await waitUntil('it goes on', () => {
        signals.receive('SIGUSR2')
        return state.events.filter((event) => event === 'written snapshot').length > 1
      })
      expect(await persistence.finish()).toBe(true)
      expect(state.events.at(-1)).toBe('written snapshot')
      expect(given()).toBe(0)
      expect(existsSync(join(folder, 'test.sock'))).toBe(false)
    }))

  test('after it: only what changed meanwhile is written, and a failure is told', () =>
    whileServing(async ({ folder, state, persistence, given }) => {
      state.isQuick = true
      const line = await taker(folder)
      expect(await line.next(NEXT_MS)).toBe('snapshot')
      line.send('serving')
      await waitUntil('its place is given', () => given() === 1)
      state.isQuick = false
      state.failure = new Error('no space')
      const finished = persistence.finish()
      await state.until('write rest')
      state.end()
      expect(await finished).toBe(false)
      expect(await line.next(NEXT_MS)).toBe(null)
      expect(state.events).not.toContain('written rest')
    }))
})

test('a snapshot for a take-over waits for the one under way', () =>
  whileServing(async ({ folder, state }) => {
    signals.receive('SIGUSR2')
    await state.until('write snapshot')
    const line = await taker(folder)
    await waitUntil('it is asked for', () => lines.includes('another process is taking over'))
    state.end()
    await waitUntil('the second', () => state.events.length === 4)
    state.end()
    expect(await line.next(NEXT_MS)).toBe('snapshot')
  }))

test('a second take-over is turned away while one is under way', () =>
  whileServing(async ({ folder, state }) => {
    await taker(folder)
    await state.until('write snapshot')
    const second = await taker(folder)
    expect(await second.next(NEXT_MS)).toBe('busy')
    state.end()
  }))

test('a failed snapshot for a take-over is reported, and the tracker keeps serving', () =>
  whileServing(async ({ folder, state, persistence }) => {
    state.failure = new Error('no space')
    const line = await taker(folder)
    await state.until('write snapshot')
    state.end()
    expect(await line.next(NEXT_MS)).toBe('failed')
    state.failure = null
    state.isQuick = true
    expect(await persistence.finish()).toBe(true)
  }))

test('the socket of a successor is not removed', () =>
  whileServing(async ({ folder, state, persistence }) => {
    state.isQuick = true
    const path = join(folder, 'test.sock')
    const successor = createServer()
    await new Promise<void>((resolve) => successor.listen(join(folder, 'other'), resolve))
    renameSync(join(folder, 'other'), path)
    const { ino } = statSync(path)
    await persistence.finish()
    expect(statSync(path).ino).toBe(ino)
    successor.close()
  }))

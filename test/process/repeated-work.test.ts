import { expect, spyOn, test } from 'bun:test'
import { RepeatedWork } from '../../src/process/repeated-work.ts'

/** Timers that fire when a test says so. */
function handTimers() {
  const waiting: { work: () => Promise<void>; milliseconds: number; cleared: boolean }[] = []
  const set = spyOn(globalThis, 'setTimeout').mockImplementation(((
    work: () => Promise<void>,
    milliseconds: number,
  ) => waiting.push({ work, milliseconds, cleared: false })) as never)
  const clear = spyOn(globalThis, 'clearTimeout').mockImplementation(((id: number) => {
    if (id !== undefined) waiting[id - 1].cleared = true
  }) as never)
  return {
    waiting,
    [Symbol.dispose]: () => {
      set.mockRestore()
      clear.mockRestore()
    },
  }
}

test('rounds come ever more rarely, down to once a minute', async () => {
  using timers = handTimers()
  let rounds = 0
  new RepeatedWork(() => {
    rounds++
  }).start()
  for (let i = 0; i < 8; i++) await timers.waiting[i].work()
  expect(rounds).toBe(8)
  expect(timers.waiting.map(({ milliseconds }) => milliseconds)).toEqual([
    2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000,
  ])
})

test('a stop ends the wait, and a round that runs is the last', async () => {
  using timers = handTimers()
  const { promise, resolve } = Promise.withResolvers<void>()
  const rounds = new RepeatedWork(() => promise)
  rounds.start(10)
  const round = timers.waiting[0].work()
  rounds.stop()
  expect(timers.waiting[0].cleared).toBe(true)
  resolve()
  await round
  expect(timers.waiting).toHaveLength(1)
  expect(rounds.stopped).toBe(true)
})

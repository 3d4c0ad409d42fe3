import { describe, expect, spyOn, test } from 'bun:test'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { lock, unlock } from '../../src/memory/lock.ts'
import { passMs } from '../support/wait.ts'
import { FIRST, LOCK, LOCK_WORDS, type LockTask, SECOND } from './lock-worker.ts'

const THREADS = 4

function words(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(LOCK_WORDS * 4))
}

function runThread(task: LockTask): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('lock-worker.ts', import.meta.url), {
      workerData: { lock: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a thread ended with ${code}`)))
  })
}

async function waitUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(1)
}

describe('the lock', () => {
  test('tells whether it had to wait, and is free afterwards', () => {
    const memory = words()
    expect(lock(memory, LOCK)).toBe(0)
    expect(memory[LOCK]).toBe(1)
    unlock(memory, LOCK)
    expect(memory[LOCK]).toBe(0)
    expect(lock(memory, LOCK)).toBe(0)
    unlock(memory, LOCK)
  })

  // A sleeper that nobody wakes tries again by itself, so only the call shows a difference.
  test('wakes one sleeper where there may be some, and makes no call where there is none', () => {
    const memory = words()
    using notify = spyOn(Atomics, 'notify')
    lock(memory, LOCK)
    unlock(memory, LOCK)
    expect(notify).not.toHaveBeenCalled()
    lock(memory, LOCK)
    memory[LOCK] = 2
    unlock(memory, LOCK)
    expect(notify.mock.calls as unknown[]).toEqual([[memory, LOCK, 1]])
    expect(memory[LOCK]).toBe(0)
  })

  // A hold so long that others sleep is rare in the first, the rule in the second.
  test.each([
    [300_000, 10_000],
    [3_000, 1],
  ])(
    'lets one of four threads in at a time, %d times each',
    async (rounds, longEvery) => {
      const memory = words()
      const task = { words: memory.buffer, threads: THREADS, rounds, longEvery }
      const contended = await Promise.all(Array.from({ length: THREADS }, () => runThread(task)))
      expect(memory[FIRST]).toBe(THREADS * rounds)
      expect(memory[SECOND]).toBe(THREADS * rounds)
      expect(memory[LOCK]).toBe(0)
      expect(contended.reduce((sum, count) => sum + count)).toBeGreaterThan(0)
    },
    180_000,
  )

  test('a waiter that fell asleep is woken', async () => {
    const memory = words()
    lock(memory, LOCK)
    const task = { words: memory.buffer, threads: 1, rounds: 10, longEvery: 100 }
    const done = runThread(task)
    // The word says 2 as soon as the other thread gives up spinning.
    await waitUntil(() => Atomics.load(memory, LOCK) === 2)
    expect(memory[FIRST]).toBe(0)
    unlock(memory, LOCK)
    expect(await done).toBeGreaterThanOrEqual(1)
    expect(memory[FIRST]).toBe(10)
  })
})

describe('the process ends with a message', () => {
  test.each([
    ['throws', /^the process ends: an error under a lock, .*: Error: a bug of the holder\n/],
    ['hangs', /^the process ends: a lock was not given back: /],
  ])('when a holder %s', async (how, message) => {
    const program = Bun.spawn([process.execPath, join(import.meta.dir, 'lock-failures.ts'), how], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const stderr = await new Response(program.stderr).text()
    expect(await program.exited).toBe(1)
    expect(stderr).toMatch(message)
    expect(await new Response(program.stdout).text()).toBe('')
  })
})

test('who has to wait for longer than one sleep gets the lock', async () => {
  const memory = words()
  lock(memory, LOCK)
  const task = { words: memory.buffer, threads: 1, rounds: 1, longEvery: 100 }
  const done = runThread(task)
  await waitUntil(() => Atomics.load(memory, LOCK) === 2)
  // Two of its sleeps.
  await passMs(120)
  unlock(memory, LOCK)
  expect(await done).toBe(2)
})

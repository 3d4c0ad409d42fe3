// When Persistence writes which file. hand-over.test.ts has what a take-over changes in it.
import { describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signals } from '../../src/process/signals.ts'
import { inFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { whileHeld } from './folders.ts'
import { lines, open, TestState, whileServing } from './test-persistence.ts'

setDefaultTimeout(180_000)

describe('the last snapshot', () => {
  test('is written, and the folder left', () =>
    whileServing(async ({ folder, state, persistence }) => {
      const finished = persistence.finish()
      await state.until('write snapshot')
      state.end()
      expect(await finished).toBe(true)
      expect(readdirSync(folder).sort()).toEqual(['test.lock', 'test.snapshot'])
    }))

  test('that fails is reported', () =>
    whileServing(async ({ folder, state, persistence }) => {
      state.failure = new Error('no space')
      const finished = persistence.finish()
      await state.until('write snapshot')
      state.end()
      expect(await finished).toBe(false)
      expect(readdirSync(folder)).toEqual(['test.lock'])
    }))

  test('does not wait for the one under way, which gives up', () =>
    whileServing(async ({ state, persistence }) => {
      signals.receive('SIGUSR2')
      await state.until('write snapshot')
      const finished = persistence.finish()
      await waitUntil('the second', () => state.events.length === 3)
      state.end()
      expect(await finished).toBe(true)
      expect(state.events).toEqual([
        'begin',
        'write snapshot',
        'write snapshot',
        'written snapshot',
      ])
    }))

  test('waits for the first write of the process', () =>
    inFolder(async (folder) => {
      const state = new TestState()
      const persistence = await open(folder, state)
      const started = persistence.start(() => {})
      await state.until('begin')
      const finished = persistence.finish()
      state.end()
      await state.until('write snapshot')
      expect(existsSync(join(folder, 'test.sock'))).toBe(false)
      state.end()
      expect(await finished).toBe(true)
      expect(state.events).toEqual(['begin', 'write snapshot', 'written snapshot'])
      await started
      expect(readdirSync(folder).sort()).toEqual(['test.lock', 'test.snapshot'])
    }))

  test('is not written by a process that has not taken over yet, and does not ask for it any more', () =>
    whileServing(async ({ folder, state, given }) => {
      state.isQuick = true
      const other = new TestState()
      const persistence = await open(folder, other, true)
      expect(persistence.takesOver).toBe(true)
      const started = persistence.start(() => {})
      await other.until('begin')
      let isFinished = false
      const finished = persistence.finish().finally(() => {
        isFinished = true
      })
      // What is under way is written to its end.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      expect(isFinished).toBe(false)
      other.end()
      expect(await finished).toBe(true)
      await started
      expect(other.events).toEqual(['begin'])
      expect(given()).toBe(0)
    }))

  test('is the last: no other one can be asked for after it', () =>
    whileServing(async ({ state, persistence }) => {
      state.isQuick = true
      expect(await persistence.finish()).toBe(true)
      const { length } = state.events
      signals.receive('SIGUSR2')
      persistence.setInterval(1)
      await new Promise(setImmediate)
      expect(state.events).toHaveLength(length)
    }))
})

test('SIGUSR2 while a snapshot is written asks for no other', () =>
  whileServing(async ({ state }) => {
    signals.receive('SIGUSR2')
    await state.until('write snapshot')
    signals.receive('SIGUSR2')
    state.end()
    await state.until('written snapshot')
    await new Promise(setImmediate)
    expect(state.events).toEqual(['begin', 'write snapshot', 'written snapshot'])
    // The one who asks is told, at every level.
    expect(lines).toEqual([
      'always: a snapshot is already being written (SIGUSR2)',
      'always: snapshot written: snapshot',
    ])
    state.isQuick = true
    signals.receive('SIGUSR2')
    await waitUntil('the next', () => state.events.length === 5)
  }))

test('snapshots come as often as the settings say, and no timer begins anew for the same', () =>
  whileServing(async ({ state, persistence }) => {
    state.isQuick = true
    const timers: (() => void)[] = []
    const set = spyOn(globalThis, 'setInterval').mockImplementation(((run: () => void) => {
      timers.push(run)
      return 0
    }) as unknown as typeof setInterval)
    try {
      persistence.setInterval(5)
      persistence.setInterval(5)
      expect(set.mock.calls.map(([, milliseconds]) => milliseconds)).toEqual([300_000])
      persistence.setInterval(0)
      expect(timers).toHaveLength(1)
      state.isQuick = false
      timers[0]()
      await state.until('write snapshot')
      // One that becomes due while another is written is skipped.
      timers[0]()
      state.end()
      await state.until('written snapshot')
      await new Promise(setImmediate)
      expect(lines).toEqual(['snapshot written: snapshot'])
    } finally {
      set.mockRestore()
    }
  }))

describe('what a take-over left', () => {
  function leave(folder: string): void {
    writeFileSync(join(folder, 'test.snapshot'), 'snapshot')
    writeFileSync(join(folder, 'test.rest'), 'rest')
  }

  test('is loaded by any start, behind the snapshot, and removed once a snapshot holds it', () =>
    inFolder(async (folder) => {
      leave(folder)
      const state = new TestState()
      const persistence = await open(folder, state)
      expect(state.loaded).toEqual(['snapshot', 'rest'])
      state.isQuick = true
      await persistence.start(() => {})
      await waitUntil('it is gone', () => !existsSync(join(folder, 'test.rest')))
      expect(state.events).toEqual(['begin', 'write snapshot', 'written snapshot'])
      // That was the only reason to write.
      expect(await persistence.finish()).toBe(true)
      expect(state.events).toHaveLength(5)
    }))

  test('stays as long as no snapshot can be written', () =>
    inFolder(async (folder) => {
      leave(folder)
      const state = new TestState()
      state.isQuick = true
      state.failure = new Error('no space')
      const persistence = await open(folder, state)
      await persistence.start(() => {})
      await state.until('write snapshot')
      await new Promise(setImmediate)
      expect(readFileSync(join(folder, 'test.rest'), 'utf8')).toBe('rest')
      state.failure = null
      signals.receive('SIGUSR2')
      await waitUntil('it is gone', () => !existsSync(join(folder, 'test.rest')))
      await persistence.finish()
    }))

  test('later than anybody waited for it stays for the next start', () =>
    whileServing(async ({ folder, state }) => {
      state.isQuick = true
      leave(folder)
      signals.receive('SIGUSR2')
      await state.until('written snapshot')
      await new Promise(setImmediate)
      expect(existsSync(join(folder, 'test.rest'))).toBe(true)
    }))

  test('does not cause a write if there is none', () =>
    whileServing(async ({ state }) => {
      await new Promise(setImmediate)
      expect(state.events).toEqual(['begin'])
    }))
})

describe('what a killed process left of a write', () => {
  test('is removed at the start', () =>
    inFolder(async (folder) => {
      for (const name of ['snapshot', 'rest', 'key']) {
        writeFileSync(join(folder, `test.${name}.0123456789ab.tmp`), 'x')
      }
      await open(folder, new TestState())
      expect(readdirSync(folder)).toEqual(['test.lock'])
    }))

  test('is left alone while another process may be writing', () =>
    whileServing(async ({ folder, state }) => {
      state.isQuick = true
      const path = join(folder, 'test.snapshot.0123456789ab.tmp')
      writeFileSync(path, 'x')
      await open(folder, new TestState(), true)
      expect(existsSync(path)).toBe(true)
    }))
})

describe('at the start', () => {
  const NAMES = ['key', 'snapshot', 'rest']

  test('each file is read, in this order', () =>
    inFolder(async (folder) => {
      for (const name of NAMES) writeFileSync(join(folder, `test.${name}`), name)
      const state = new TestState()
      await open(folder, state)
      expect(state.loaded).toEqual(NAMES)
    }))

  test.each(NAMES)('a damaged %s is set aside, and the others are read', (damaged) =>
    inFolder(async (folder) => {
      for (const name of NAMES) {
        writeFileSync(join(folder, `test.${name}`), name === damaged ? 'damaged' : name)
      }
      const state = new TestState()
      await open(folder, state)
      expect(state.loaded).toEqual(NAMES.filter((name) => name !== damaged))
      expect(existsSync(join(folder, `test.${damaged}`))).toBe(false)
      expect(readFileSync(join(folder, `test.${damaged}.refused`), 'utf8')).toBe('damaged')
    }),
  )

  test.each(NAMES)('a %s that cannot be read stops it', (name) =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, `test.${name}`))
      await expect(open(folder, new TestState())).rejects.toThrow(
        `cannot read ${join(folder, `test.${name}`)}: `,
      )
    }),
  )
})

describe('a folder in use', () => {
  test('stops the start before anything is read', () =>
    inFolder((folder) =>
      whileHeld(folder, 'test.lock', async () => {
        writeFileSync(join(folder, 'test.snapshot'), 'snapshot')
        const state = new TestState()
        await expect(open(folder, state)).rejects.toThrow(
          `another tracker uses the folder [persistence] path '${folder}': stop it`,
        )
        expect(state.loaded).toEqual([])
      }),
    ))

  test('is waited for by a process that wants to take over, until the other has ended', () =>
    inFolder((folder) =>
      whileHeld(folder, 'test.lock', async (kill) => {
        const state = new TestState()
        let isOpen = false
        const opening = open(folder, state, true).then((persistence) => {
          isOpen = true
          return persistence
        })
        await new Promise(setImmediate)
        expect(isOpen).toBe(false)
        writeFileSync(join(folder, 'test.snapshot'), 'its last')
        await kill()
        expect((await opening).takesOver).toBe(false)
        expect(state.loaded).toEqual(['its last'])
      }),
    ))
})

describe('a start that cannot write because', () => {
  const begin = async (folder: string, code: string) => {
    lines.length = 0
    const state = new TestState()
    state.failure = Object.assign(new Error(`${code}: reason`), { code })
    const persistence = await open(folder, state)
    const started = persistence
      .start(() => {})
      .then(
        () => 'serves',
        (error) => (error as Error).message,
      )
    await state.until('begin')
    state.end()
    const outcome = await started
    return { state, persistence, outcome }
  }

  test.each(['ENOSPC', 'EDQUOT'])('the disk is full (%s) serves, and it is a trouble', (code) =>
    inFolder(async (folder) => {
      const { state, persistence, outcome } = await begin(folder, code)
      expect(outcome).toBe('serves')
      expect(persistence.troubleSource.find()?.text).toContain(`${code}: reason`)
      expect(lines).toEqual([
        `always: cannot write to the folder [persistence] path '${folder}': ${code}: reason`,
      ])
      state.failure = null
      state.isQuick = true
      signals.receive('SIGUSR2')
      await state.until('written snapshot')
      await waitUntil('no trouble', () => persistence.troubleSource.find() === null)
      await persistence.finish()
    }),
  )

  test('the folder is not writable ends, with the remedy', () =>
    inFolder(async (folder) => {
      const { state, persistence, outcome } = await begin(folder, 'EACCES')
      expect(outcome).toMatch(/EACCES: reason\. It must be writable by the user/)
      state.failure = null
      state.isQuick = true
      await persistence.finish()
    }))
})

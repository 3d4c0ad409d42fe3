import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HistoryKeeper } from '../../src/history/keeper.ts'
import { logFor } from '../../src/log/log.ts'
import { moveClock, wallSeconds } from '../../src/os/clock.ts'
import { inFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'

let moved = 0
function pass(seconds: number): void {
  moved += seconds
  moveClock(seconds)
}
afterEach(() => {
  moveClock(-moved)
  moved = 0
})

function keeping(path: string | null, state = { isServing: true }) {
  const told: string[] = []
  const log = logFor('test')
  const keeper = new HistoryKeeper({
    path: () => path,
    figures: () => ({ requests: 10, lost: 1, torrents: 2, peers: 3, memory: 4 }),
    isServing: () => state.isServing,
    ticked: () => {},
    log: { ...log, always: (_, text) => void told.push(text) },
  })
  const end = async () => {
    keeper.stop()
    await keeper.finish()
  }
  return { keeper, told, end, share: () => keeper.history.availability(wallSeconds()) }
}

describe('the history', () => {
  test('continues in the next process, which counts the time between', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.history')
      const first = keeping(path)
      first.keeper.begin()
      pass(1000)
      first.keeper.tick()
      await first.end()
      expect(readdirSync(folder)).toEqual(['a.history'])
      pass(1000)
      const second = keeping(path)
      second.keeper.begin()
      pass(2000)
      second.keeper.tick()
      expect(second.share()).toBeCloseTo(0.75, 2)
      expect(second.keeper.history.valuesOf('requests', wallSeconds(), 5)).toContain(10)
      await second.end()
      expect([...first.told, ...second.told]).toEqual([])
    }))

  test('of a process that takes over continues that of the other one, without a gap', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.history')
      const old = keeping(path)
      old.keeper.begin()
      pass(100)
      const next = keeping(path)
      pass(50)
      next.keeper.tick()
      // Nothing is written before the other one has ended.
      expect(existsSync(path)).toBe(false)
      await old.end()
      next.keeper.begin()
      pass(100)
      next.keeper.tick()
      expect(next.share()).toBe(1)
      expect(next.keeper.history.days(wallSeconds()).some(({ share }) => share !== null)).toBe(true)
      await next.end()
      const { since } = JSON.parse(readFileSync(path, 'utf8')) as { since: number }
      expect(wallSeconds() - since).toBeGreaterThanOrEqual(249)
    }))

  test('of a process that ended before it had its place is not written', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.history')
      const { end } = keeping(path)
      await end()
      expect(readdirSync(folder)).toEqual([])
    }))

  test('begins anew where the file is damaged, which is renamed and told of', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.history')
      writeFileSync(path, '{"version": 1,')
      const { keeper, told, end } = keeping(path)
      keeper.begin()
      expect(told).toEqual([
        `${path} is damaged; it is not used, and was renamed to ${path}.refused, and the history begins anew`,
      ])
      await end()
      expect(readdirSync(folder).sort()).toEqual(['a.history', 'a.history.refused'])
    }))

  test('leaves alone what is too large to be a history', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'list.txt')
      const list = 'a'.repeat(200_000)
      writeFileSync(path, list)
      const { keeper, told, end } = keeping(path)
      keeper.begin()
      await end()
      expect(readFileSync(`${path}.refused`, 'utf8')).toBe(list)
      expect(told).toEqual([expect.stringContaining(`was renamed to ${path}.refused`)])
    }))

  test.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['too large', (path: string) => writeFileSync(path, ' '.repeat(200_000))],
  ])(
    'begins anew where the file is %s, and the trouble is told once and for as long as it lasts',
    (_, make) =>
      inFolder(async (folder) => {
        const path = join(folder, 'a.history')
        make(path)
        const { keeper, told, end } = keeping(path)
        keeper.begin()
        expect(told[0]).toContain('the history begins anew')
        expect(keeper.troubleSource.find()).toBeNull()
        await end()
        await keeper.finish()
        const isFolder = told.length > 1
        expect(keeper.troubleSource.find() !== null).toBe(isFolder)
        if (isFolder) {
          expect(told.slice(1)).toEqual([expect.stringContaining('could not be written')])
          expect(keeper.troubleSource.find()?.text).toContain(`${path} could not be written`)
        }
      }),
  )

  test('is written at the next tick when it could not be written before', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'away', 'a.history')
      const { keeper, end } = keeping(path)
      keeper.begin()
      await waitUntil('that failed', () => keeper.troubleSource.find() !== null)
      mkdirSync(join(folder, 'away'))
      keeper.tick()
      await waitUntil('that did not', () => keeper.troubleSource.find() === null)
      expect(existsSync(path)).toBe(true)
      await end()
    }))

  test('without a file is kept in memory', async () => {
    const { keeper, share, end } = keeping(null)
    keeper.begin()
    pass(100)
    keeper.tick()
    expect(share()).toBe(1)
    await end()
    expect(keeper.troubleSource.find()).toBeNull()
  })
})

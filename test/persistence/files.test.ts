import { describe, expect, setSystemTime, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { removeLeftovers, replaceFile } from '../../src/persistence/files.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()
let files = 0
const newPath = () => join(folder, `file-${files++}`)

/** Other files beside a file. */
const besides = (path: string) =>
  readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.`))

describe('a file that is replaced', () => {
  test('is never seen half', async () => {
    const path = newPath()
    await replaceFile(path, 0o600, (put) => put(Buffer.from('old')))
    const failing = replaceFile(path, 0o600, async (put) => {
      await put(Buffer.from('ne'))
      expect(readFileSync(path, 'utf8')).toBe('old')
      throw new Error('no space')
    })
    expect(failing).rejects.toThrow('no space')
    await failing.catch(() => {})
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(besides(path)).toEqual([])
  })

  test('is not written through a link that someone put in its way', async () => {
    const path = newPath()
    const victim = newPath()
    writeFileSync(victim, 'untouched')
    symlinkSync(victim, `${path}.tmp`)
    symlinkSync(victim, path)
    await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
    expect(lstatSync(path).isFile()).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe('new')
  })

  test('never replaces something other than a file', async () => {
    const path = newPath()
    spawnSync('mkfifo', [path])
    const write = replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    await expect(write).rejects.toThrow('something other than a file has this name')
    expect(lstatSync(path).isFIFO()).toBe(true)
    expect(besides(path)).toEqual([])
  })

  test('is whole if two are written at once, and that is the last to be complete', async () => {
    const path = newPath()
    let finishFirst = () => {}
    const first = replaceFile(path, 0o600, async (put) => {
      await put(Buffer.from('fir'))
      await new Promise<void>((resolve) => {
        finishFirst = resolve
      })
      await put(Buffer.from('st'))
    })
    await replaceFile(path, 0o600, (put) => put(Buffer.from('second')))
    expect(readFileSync(path, 'utf8')).toBe('second')
    finishFirst()
    await first
    expect(readFileSync(path, 'utf8')).toBe('first')
    expect(besides(path)).toEqual([])
  })

  test('leaves nothing when it cannot get its name', async () => {
    const path = newPath()
    const failing = replaceFile(path, 0o600, async (put) => {
      await put(Buffer.from('new'))
      mkdirSync(path)
    })
    await expect(failing).rejects.toThrow()
    expect(besides(path)).toEqual([])
  })
})

describe('what killed processes have left', () => {
  const HOUR_SEC = 3600

  function leave(path: string, suffix: string, ageSec: number): void {
    const seconds = Date.now() / 1000 - ageSec
    writeFileSync(path + suffix, 'x')
    utimesSync(path + suffix, seconds, seconds)
  }

  const OTHERS = [
    '.tmp2',
    '.x.tmp',
    '.0123456789ab.tmp.txt',
    '.0123456789abc.tmp',
    '0123456789ab.tmp',
  ]

  test('is removed before the next write, but not what somebody may be writing', async () => {
    const path = newPath()
    leave(path, '.0123456789ab.tmp', HOUR_SEC)
    leave(path, '.tmp', HOUR_SEC)
    leave(path, '.fedcba987654.tmp', 1)
    for (const other of OTHERS) leave(path, other, HOUR_SEC)
    await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    expect(readFileSync(path, 'utf8')).toBe('new')
    const left = ['.fedcba987654.tmp', ...OTHERS].filter((suffix) => suffix.startsWith('.'))
    expect(besides(path).sort()).toEqual(left.map((suffix) => basename(path) + suffix).sort())
    for (const suffix of left) expect(readFileSync(path + suffix, 'utf8')).toBe('x')
  })

  test('counts as left after ten minutes', async () => {
    const path = newPath()
    const leftAt = 1_800_000_000
    writeFileSync(`${path}.0123456789ab.tmp`, 'x')
    utimesSync(`${path}.0123456789ab.tmp`, leftAt, leftAt)
    for (const [second, left] of [
      [599.9, 1],
      [600, 0],
    ]) {
      setSystemTime((leftAt + second) * 1000)
      await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
      expect(besides(path)).toHaveLength(left)
    }
    setSystemTime()
  })

  test('is removed at once if no process can be writing', () => {
    const path = newPath()
    leave(path, '.0123456789ab.tmp', 0)
    leave(`${path}1`, '.0123456789ab.tmp', 0)
    removeLeftovers(path, 0)
    expect(besides(path)).toEqual([])
    expect(besides(`${path}1`)).toHaveLength(1)
  })

  test('is left alone in a folder that cannot be read', () => {
    expect(() => removeLeftovers(join(folder, 'missing/file'), 0)).not.toThrow()
  })
})

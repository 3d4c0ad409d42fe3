import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../../src/persistence/files.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()
let files = 0
const newPath = () => join(folder, `${files++}`)

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
    expect(existsSync(`${path}.tmp`)).toBe(false)
  })

  test('is not written through a link that somebody put in its way', async () => {
    const path = newPath()
    const victim = newPath()
    writeFileSync(victim, 'untouched')
    symlinkSync(victim, `${path}.tmp`)
    await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
    expect(readFileSync(path, 'utf8')).toBe('new')
  })

  test('never takes the place of something that is no file', async () => {
    const path = newPath()
    spawnSync('mkfifo', [path])
    const write = replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    await expect(write).rejects.toThrow('there is something by this name that is not a file')
    expect(lstatSync(path).isFIFO()).toBe(true)
    expect(existsSync(`${path}.tmp`)).toBe(false)
  })

  test('takes no notice of what a killed process left', async () => {
    const path = newPath()
    writeFileSync(`${path}.tmp`, 'x'.repeat(1000))
    await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    expect(readFileSync(path, 'utf8')).toBe('new')
  })
})

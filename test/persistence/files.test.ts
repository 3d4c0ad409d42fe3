import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
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

  test('takes no notice of what a killed process left', async () => {
    const path = newPath()
    writeFileSync(`${path}.tmp`, 'x'.repeat(1000))
    await replaceFile(path, 0o600, (put) => put(Buffer.from('new')))
    expect(readFileSync(path, 'utf8')).toBe('new')
  })
})

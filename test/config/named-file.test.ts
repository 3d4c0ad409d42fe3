import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { FileFault, openRegularFile, readRegularFile } from '../../src/config/named-file.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()
const at = (name: string) => join(folder, name)

function faultOf(read: () => unknown): FileFault {
  try {
    read()
  } catch (error) {
    if (error instanceof FileFault) return error
    throw error
  }
  throw new Error('it was read')
}

describe('a file that settings name', () => {
  test('is read as a whole, also through a link', () => {
    writeFileSync(at('file'), 'all of it')
    symlinkSync(at('file'), at('link'))
    expect(readRegularFile(at('link'), 100).toString()).toBe('all of it')
    closeSync(openRegularFile(at('link')))
  })

  test('may be as long as allowed, not longer', () => {
    writeFileSync(at('long'), 'x'.repeat(100))
    expect(readRegularFile(at('long'), 100).length).toBe(100)
    const { code, message } = faultOf(() => readRegularFile(at('long'), 99))
    expect([code, message]).toEqual(['TOO_LARGE', 'it is longer than 99 bytes'])
  })

  test('whose size the system does not tell is read to its end', () => {
    expect(readRegularFile('/proc/self/status', 100_000).toString()).toContain('\nPid:')
  })

  test('that does not exist is reported in words', () => {
    const missing = faultOf(() => readRegularFile(at('missing'), 100))
    expect([missing.code, missing.message]).toEqual(['ENOENT', 'there is no such file (ENOENT)'])
    writeFileSync(at('file'), '')
    expect(faultOf(() => openRegularFile(at('file/below'))).message).toContain('not a directory')
  })

  test.each([
    ['a pipe', () => spawnSync('mkfifo', [at('pipe')]), 'pipe'],
    ['a directory', () => mkdirSync(at('directory')), 'directory'],
    ['a device', () => symlinkSync('/dev/zero', at('device')), 'device'],
  ])('that is %s is refused at once', (kind, make, name) => {
    make()
    const { message } = faultOf(() => readRegularFile(at(name), 100))
    expect(message).toBe(`it is ${kind}, and only regular files are read`)
    expect(faultOf(() => openRegularFile(at(name))).message).toBe(message)
  })

  test('that is a socket is refused', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve))
    expect(faultOf(() => openRegularFile(at('socket'))).message).toContain('it is a socket')
    server.close()
  })
})

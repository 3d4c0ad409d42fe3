import { describe, expect, test } from 'bun:test'
import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FileWatch, settledState, stateOf } from '../../src/list-file/file-watch.ts'
import { folderOfFile } from '../support/folder.ts'
import { expectQuick } from '../support/wait.ts'

const folder = folderOfFile()
const path = join(folder, 'list.txt')

describe('a look', () => {
  test('finds a file changed once it has held still since the look before', () => {
    const watch = new FileWatch()
    writeFileSync(path, 'one\n')
    const known = stateOf(path)
    expect(watch.poll(path, known)).toBeNull()
    expect(watch.poll(path, known)).toBeNull()
    writeFileSync(path, 'two lines\n')
    expect(watch.poll(path, known)).toBeNull()
    appendFileSync(path, 'of it\n')
    expect(watch.poll(path, known)).toBeNull()
    const changed = watch.poll(path, known)
    expect(changed).toBe(stateOf(path))
    expect(watch.poll(path, String(changed))).toBeNull()
  })

  test('finds one of the same size changed, by its time', () => {
    const watch = new FileWatch()
    writeFileSync(path, 'one\n')
    const known = stateOf(path)
    utimesSync(path, 1000, 1000)
    watch.poll(path, known)
    expect(watch.poll(path, known)).toBe(stateOf(path))
  })

  test('does not find one that is gone', () => {
    const watch = new FileWatch()
    rmSync(path, { force: true })
    for (let i = 0; i < 3; i++) expect(watch.poll(path, 'known')).toBeNull()
  })
})

test('a file is missing once it has been gone for half a minute, until it is there again', () => {
  const watch = new FileWatch()
  rmSync(path, { force: true })
  for (let i = 0; i < 14; i++) watch.poll(path, 'known')
  expect(watch.isMissing).toBe(false)
  watch.poll(path, 'known')
  expect(watch.isMissing).toBe(true)
  writeFileSync(path, 'one\n')
  watch.poll(path, 'known')
  expect(watch.isMissing).toBe(false)
})

describe('whoever waits for the list', () => {
  test('does not wait for one that has been there, or that is missing', async () => {
    await expectQuick(250, async () => {
      writeFileSync(path, 'one\n')
      utimesSync(path, 1000, 1000)
      expect(await settledState(path)).toBe(stateOf(path))
      rmSync(path)
      expect(await settledState(path)).toBe('')
      expect(await settledState(join(path, 'below'))).toBe('')
    })
  })

  test('waits until one that was just written holds still', async () => {
    writeFileSync(path, 'one\n')
    const settled = settledState(path)
    let state = ''
    let parts = 0
    const writing = setInterval(() => {
      appendFileSync(path, 'more\n')
      state = stateOf(path)
      if (++parts === 5) clearInterval(writing)
    }, 100)
    expect(await settled).toBe(state)
    expect(parts).toBe(5)
  })
})

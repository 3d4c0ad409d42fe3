// A program that keeps more than one state: one folder, lock, socket and take-over for all, and a file each.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { lines, openSeveral, TestState, taker } from './test-persistence.ts'

setDefaultTimeout(180_000)

const LINE_MS = 60_000

function quickStates(): [TestState, TestState] {
  const states: [TestState, TestState] = [new TestState('snapshot'), new TestState('counts')]
  for (const state of states) state.isQuick = true
  return states
}

test('each has its file, is written with the others, and read by itself', () =>
  inFolder(async (folder) => {
    lines.length = 0
    const [peers, counts] = quickStates()
    const persistence = await openSeveral(folder, [peers, counts])
    await persistence.start(() => {})
    expect(await persistence.finish()).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['test.counts', 'test.lock', 'test.snapshot'])
    expect(lines).toEqual(['snapshot written: snapshot; counts'])
    const again = quickStates()
    await inFolder(async (other) => {
      writeFileSync(join(other, 'test.snapshot'), 'damaged')
      copyFileSync(join(folder, 'test.counts'), join(other, 'test.counts'))
      await openSeveral(other, again)
    })
    expect(again.map(({ loaded }) => loaded)).toEqual([[], ['counts of this process']])
  }))

test('one that cannot be written keeps none of the others from it, and is told', () =>
  inFolder(async (folder) => {
    lines.length = 0
    const [peers, counts] = quickStates()
    const persistence = await openSeveral(folder, [peers, counts])
    await persistence.start(() => {})
    peers.failure = new Error('no space')
    expect(await persistence.finish()).toBe(false)
    expect(existsSync(join(folder, 'test.snapshot'))).toBe(false)
    expect(readFileSync(join(folder, 'test.counts'), 'utf8')).toBe('counts of this process')
    expect(lines).toEqual(['the snapshot could not be written: no space'])
    expect(persistence.troubleSource.find()?.text).toContain('no space')
  }))

test('a take-over hands over all of them, and what changed meanwhile', () =>
  inFolder(async (folder) => {
    const [peers, counts] = quickStates()
    const persistence = await openSeveral(folder, [peers, counts])
    let isGiven = false
    await persistence.start(() => {
      isGiven = true
    })
    const line = await taker(folder)
    expect(await line.next(LINE_MS)).toBe('snapshot')
    expect(readFileSync(join(folder, 'test.counts'), 'utf8')).toBe('counts of this process')
    line.send('serving')
    while (!isGiven) await new Promise(setImmediate)
    const finished = persistence.finish()
    expect(await line.next(LINE_MS)).toBe('rest')
    await line.close()
    expect(await finished).toBe(true)
    const names = readdirSync(folder).filter((name) => name.endsWith('rest'))
    expect(names.sort()).toEqual(['test.counts.rest', 'test.snapshot.rest'])
    // The next start takes both, and removes them once a snapshot holds what is in them.
    const next = quickStates()
    await inFolder(async (other) => {
      for (const name of names) copyFileSync(join(folder, name), join(other, name))
      const successor = await openSeveral(other, next)
      expect(next.map(({ loaded }) => loaded.length)).toEqual([1, 1])
      await successor.start(() => {})
      await successor.finish()
      expect(readdirSync(other).filter((name) => name.endsWith('rest'))).toEqual([])
    })
  }))

import { describe, expect, spyOn, test } from 'bun:test'
import type { Log } from '../../src/log/log.ts'
import { lossSource, shareText } from '../../src/process/losses.ts'
import { conditionOf, type Trouble, Troubles } from '../../src/process/troubles.ts'

const FULL: Trouble = { severity: 'attention', text: 'It is full.', remedy: 'Empty it.' }

/** Troubles by a clock that a test sets, and what they have logged. */
function watched() {
  let now = 1_000_000
  const lines: string[] = []
  const write = (level: string) => (text: string) => lines.push(`${level} ${text}`)
  const log = Object.fromEntries(
    ['error', 'warn', 'info', 'debug', 'trace'].map((level) => [level, write(level)]),
  )
  const troubles = new Troubles(log as unknown as Log, () => now)
  const lookAfter = (seconds: number) => {
    now += seconds * 1000
    troubles.check()
  }
  return { troubles, lines, lookAfter }
}

describe('troubles', () => {
  test('are looked for again and again from the start to the stop', () => {
    const { troubles } = watched()
    troubles.add({ name: 'full', find: () => FULL })
    using interval = spyOn(globalThis, 'setInterval')
    using clear = spyOn(globalThis, 'clearInterval')
    troubles.start()
    expect(troubles.current()).toEqual([])
    const [check] = interval.mock.calls[0] as [() => void]
    check()
    expect(troubles.current()).toHaveLength(1)
    troubles.stop()
    expect(clear).toHaveBeenCalledWith(interval.mock.results[0].value)
  })

  test('are there as long as their source says so, the worst first, since when they began', () => {
    const { troubles, lookAfter } = watched()
    let bad: Trouble | null = null
    troubles.add({ name: 'full', find: () => FULL })
    troubles.add({ name: 'late', find: () => bad })
    lookAfter(1)
    expect(troubles.current()).toEqual([{ ...FULL, name: 'full', since: 1_001_000 }])
    expect(conditionOf(troubles.current())).toBe('attention')
    bad = { severity: 'bad', text: 'It is late.', remedy: 'Hurry.' }
    lookAfter(1)
    expect(troubles.current().map(({ name, since }) => [name, since])).toEqual([
      ['late', 1_002_000],
      ['full', 1_001_000],
    ])
    expect(conditionOf(troubles.current())).toBe('bad')
    bad = null
    lookAfter(1)
    expect(troubles.current().map(({ name }) => name)).toEqual(['full'])
    expect(troubles.names()).toEqual(['full', 'late'])
  })

  test('without any the condition is good', () => {
    const { troubles, lines, lookAfter } = watched()
    troubles.add({ name: 'full', find: () => null })
    lookAfter(1)
    expect([troubles.current(), lines]).toEqual([[], []])
    expect(conditionOf(troubles.current())).toBe('good')
  })

  test('are logged as errors with their remedy, each kind at most once a minute', () => {
    const { troubles, lines, lookAfter } = watched()
    let count = 0
    const other = { ...FULL, text: 'So is this.' }
    troubles.add({ name: 'full', find: () => ({ ...FULL, text: `It is full, ${++count}.` }) })
    lookAfter(1)
    expect(lines).toEqual(['error attention: It is full, 1. Empty it.'])
    troubles.add({ name: 'other', find: () => other })
    for (let i = 0; i < 59; i++) lookAfter(1)
    expect(lines).toEqual([lines[0], 'error attention: So is this. Empty it.'])
    lookAfter(1)
    expect(lines.slice(2)).toEqual(['error attention: It is full, 61. Empty it.'])
  })

  test('that stay as they are, are logged again after an hour only', () => {
    const { troubles, lines, lookAfter } = watched()
    troubles.add({ name: 'full', find: () => FULL })
    for (let minute = 0; minute < 60; minute++) lookAfter(60)
    expect(lines).toHaveLength(1)
    lookAfter(60)
    expect(lines).toHaveLength(2)
  })

  test('that come and go within a minute are logged once, and their ends as information', () => {
    const { troubles, lines, lookAfter } = watched()
    let is = false
    troubles.add({ name: 'full', find: () => (is ? { ...FULL, text: `${Math.random()}` } : null) })
    for (let i = 0; i < 58; i++) {
      is = !is
      lookAfter(1)
    }
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
    expect(lines.filter((line) => line === 'info full is over')).toHaveLength(29)
  })

  test('whose finder has logged them are not logged again', () => {
    const { troubles, lines, lookAfter } = watched()
    troubles.add({ name: 'full', find: () => ({ ...FULL, isLogged: true }) })
    lookAfter(1)
    expect(troubles.current()).toHaveLength(1)
    expect(lines).toEqual([])
  })

  test('a wall clock that is set back does not silence them', () => {
    const { troubles, lines, lookAfter } = watched()
    let count = 0
    troubles.add({ name: 'full', find: () => ({ ...FULL, text: `${++count}` }) })
    lookAfter(1)
    lookAfter(-86_400)
    expect(lines).toHaveLength(2)
  })

  test('listeners are called when one comes, gets worse or goes, and not in between', () => {
    const { troubles, lookAfter } = watched()
    let trouble: Trouble | null = null
    const heard: (string | undefined)[] = []
    troubles.add({ name: 'full', find: () => trouble })
    troubles.onChange(([worst]) => heard.push(worst?.severity))
    for (const next of [
      null,
      FULL,
      { ...FULL, text: 'More.' },
      { ...FULL, severity: 'bad' },
      null,
    ]) {
      trouble = next as Trouble | null
      lookAfter(1)
    }
    expect(heard).toEqual(['attention', 'bad', undefined])
  })
})

/** A loss whose counters a test sets, checked once a second. */
function lossOf(from: number) {
  const counters = { lost: 0, all: 0 }
  const { find } = lossSource({
    name: 'lost',
    lost: () => counters.lost,
    all: () => counters.all,
    from,
    what: 'packet',
    text: (figure, when) => `Lost ${figure} ${when}.`,
    remedy: () => 'Find them.',
  })
  const lookAfter = (lost: number, all: number) => {
    counters.lost += lost
    counters.all += all
    return find()
  }
  return lookAfter
}

describe('losses', () => {
  test('are reported with number and share of the last minute, and bad from a twentieth on', () => {
    const find = lossOf(0)
    expect(find(0, 1000)).toBeNull()
    expect(find(1, 1000)).toEqual({
      severity: 'attention',
      text: 'Lost 1 packet in the last minute (0.05 % of all).',
      remedy: 'Find them.',
    })
    expect(find(98, 0)?.severity).toBe('attention')
    expect(find(1, 0)).toMatchObject({
      severity: 'bad',
      text: 'Lost 100 packets in the last minute (5 % of all).',
    })
    expect(find(22_875, 65_000)?.text).toBe('Lost 22,975 packets in the last minute (34 % of all).')
  })

  test('in the first second are reported too, and all of them are over a minute later', () => {
    const find = lossOf(0)
    expect(find(5, 5)).toMatchObject({ severity: 'bad' })
    for (let i = 0; i < 59; i++) expect(find(0, 10)).not.toBeNull()
    expect(find(0, 10)).toBeNull()
  })

  test('below the share from which they are trouble, are none', () => {
    const find = lossOf(0.01)
    expect(find(9, 1000)).toBeNull()
    expect(find(1, 0)).not.toBeNull()
  })

  test.each([
    [1, '100 %'],
    [0.998, 'more than 99 %'],
    [0.1234, '12 %'],
    [0.0987, '9.9 %'],
    [0.0012, '0.12 %'],
    [0.00001, 'less than 0.01 %'],
  ])('a share of %d is %s', (share, text) => expect(shareText(share)).toBe(text))
})

import { describe, expect, test } from 'bun:test'
import { DAY_SECONDS, DAYS, History, SLOT_SECONDS, SLOTS } from '../../src/history/history.ts'
import {
  FILE_BYTES_MAX,
  HistoryRefused,
  historyText,
  readHistory,
} from '../../src/history/history-file.ts'

const NOON = 20_000 * DAY_SECONDS + DAY_SECONDS / 2
const NOTHING = { requests: 0, lost: 0, torrents: 0, peers: 0, memory: 0 }

/** A history of a tracker that serves since a moment, with a clock that goes as told. */
function begun(at = NOON) {
  const history = new History()
  history.begin(at)
  let now = at
  const pass = (seconds: number, { isServing = true, jump = 0, requests = 0 } = {}) => {
    now += seconds + jump
    const figures = { ...NOTHING, requests }
    history.tell({ at: now, elapsed: seconds, isServing, figures })
    return now
  }
  const shares = () => history.days(now).map(({ share }) => share)
  return { history, pass, shares, now: () => now }
}

/** What another process reads. */
function again(history: History): History {
  return readHistory(historyText(history))
}

describe('availability', () => {
  test('is of the time since the beginning: what came before is not known', () => {
    const { history, pass, shares, now } = begun()
    pass(3600)
    expect(shares()).toEqual([...Array(DAYS - 1).fill(null), 1])
    expect(history.availability(now())).toBe(1)
    expect(new History().availability(NOON)).toBeNull()
  })

  test('counts the time between a stop and a start, in each day that it is part of', () => {
    const { history, pass } = begun()
    pass(DAY_SECONDS / 4)
    const after = again(history)
    // From 18:00 to 06:00 of the next day, and then until noon.
    const start = NOON + (DAY_SECONDS * 3) / 4
    after.begin(start)
    const noon = NOON + DAY_SECONDS
    after.tell({ at: noon, elapsed: noon - start, isServing: true, figures: NOTHING })
    const [yesterday, today] = after.days(noon).slice(-2)
    expect([yesterday.share, today.share]).toEqual([0.5, 0.5])
    expect(after.availability(noon)).toBe(0.5)
  })

  test('a process that served before the other one stopped leaves no gap', () => {
    const { history, pass } = begun()
    pass(3600)
    const after = again(history)
    after.begin(NOON + 3000)
    after.tell({ at: NOON + 7200, elapsed: 4200, isServing: true, figures: NOTHING })
    expect(after.availability(NOON + 7200)).toBe(1)
  })

  test('counts time in which workers do not serve', () => {
    const { history, pass, now } = begun()
    pass(300)
    pass(100, { isServing: false })
    expect(history.availability(now())).toBe(0.75)
  })

  test('counts the sleep of the machine, not a clock that was set', () => {
    const sleepy = begun()
    sleepy.pass(3600, { jump: 3600 })
    expect(sleepy.history.availability(sleepy.now())).toBe(0.5)
    const set = begun(1000)
    set.pass(60, { jump: NOON })
    set.pass(60)
    expect(set.history.availability(set.now())).toBe(1)
    expect(set.shares().filter((share) => share !== null)).toHaveLength(1)
    const back = begun()
    back.pass(60)
    back.pass(60, { jump: -5000 })
    back.pass(6000)
    expect(back.history.availability(back.now())).toBe(1)
  })

  test('what was written survives a start with a clock of 1970', () => {
    const { history, pass } = begun()
    pass(SLOT_SECONDS * 3, { requests: 5 })
    pass(100, { isServing: false })
    const after = again(history)
    after.begin(60)
    after.tell({ at: 120, elapsed: 60, isServing: true, figures: NOTHING })
    const now = NOON + SLOT_SECONDS * 4
    after.tell({ at: now, elapsed: 60, isServing: true, figures: NOTHING })
    expect(after.valuesOf('requests', now, 4)).toContain(5)
    const share = after.days(now)[DAYS - 1].share ?? 0
    expect(share).toBeGreaterThan(0.9)
    expect(share).toBeLessThan(1)
  })

  test('is told and shown again after a start with a clock ten years ahead', () => {
    const years = 3650 * DAY_SECONDS
    const { history, pass } = begun()
    pass(3600)
    // As far as it knows, nothing served for ninety days.
    const after = again(history)
    after.begin(NOON + years)
    for (let i = 1; i <= SLOTS; i++) {
      const at = NOON + years + i * SLOT_SECONDS
      after.tell({ at, elapsed: SLOT_SECONDS, isServing: false, figures: NOTHING })
      after.tell({ at, elapsed: 0, isServing: true, figures: NOTHING })
    }
    expect([after.data().down.length, after.data().slots.length]).toEqual([DAYS, SLOTS])
    const last = again(after)
    const start = NOON + DAY_SECONDS
    last.begin(start)
    const figures = { ...NOTHING, requests: 5 }
    last.tell({ at: start + 900, elapsed: 900, isServing: true, figures })
    last.tell({ at: start + 1800, elapsed: 900, isServing: false, figures })
    expect(last.valuesOf('requests', start + 1800, 2)).toEqual([5, Number.NaN])
    expect(last.data().down).toContainEqual([NOON / DAY_SECONDS + 0.5, 900])
  })

  test('of a file that began with a clock ahead is known again after a day', () => {
    const after = again(begun(NOON + 3650 * DAY_SECONDS).history)
    after.begin(NOON)
    const tell = (hour: number) => {
      const at = NOON + hour * 3600
      after.tell({ at, elapsed: 3600, isServing: true, figures: NOTHING })
      return after.availability(at)
    }
    const known = Array.from({ length: 25 }, (_, i) => tell(i + 1))
    expect(known).toEqual([...Array(23).fill(null), 1, 1])
  })

  test('of 90 days at most', () => {
    const { history, pass, now } = begun()
    pass(100, { isServing: false })
    for (let day = 0; day < 200; day++) pass(DAY_SECONDS, { isServing: day % 2 === 0 })
    expect(history.days(now())).toHaveLength(DAYS)
    expect(history.data().down.length).toBeLessThanOrEqual(DAYS)
    expect(history.availability(now())).toBeCloseTo(0.5, 1)
    expect(again(history).days(now())).toEqual(history.days(now()))
  })
})

describe('figures', () => {
  test('are means of quarters of an hour; where nothing was told, there is nothing', () => {
    const { history, pass, now } = begun(NOON - 1)
    pass(10, { requests: 100 })
    pass(10, { requests: 300 })
    pass(2 * SLOT_SECONDS, { requests: 7 })
    expect(history.valuesOf('requests', now(), 4)).toEqual([Number.NaN, 200, Number.NaN, 7])
  })

  test('continue in the slot of the process before', () => {
    const { history, pass, now } = begun()
    pass(10, { requests: 100 })
    const after = again(history)
    after.begin(now())
    const figures = { ...NOTHING, requests: 300 }
    after.tell({ at: now() + 10, elapsed: 10, isServing: true, figures })
    expect(after.valuesOf('requests', now() + 10, 1)).toEqual([200])
  })

  test('of a week at most, in a file of bounded size', () => {
    const { history, pass, now } = begun()
    for (let i = 0; i < SLOTS + 100; i++) {
      const figures = {
        requests: 123_456.789,
        lost: 1e9 / 7,
        torrents: 7e7,
        peers: 1e8,
        memory: 1e11 / 3,
      }
      const at = pass(SLOT_SECONDS, { isServing: false })
      history.tell({ at, elapsed: 0, isServing: true, figures })
    }
    expect(history.data().slots).toHaveLength(SLOTS)
    const text = historyText(history)
    expect(text.length).toBeLessThan(65_536)
    expect(text.length).toBeLessThan(FILE_BYTES_MAX)
    const read = readHistory(text)
    expect(historyText(read)).toBe(text)
    expect(read.valuesOf('peers', now(), 1)).toEqual([1e8])
  })
})

describe('a file that cannot be used is refused', () => {
  const { history, pass } = begun()
  pass(100, { isServing: false, requests: 1 })
  pass(100, { requests: 1 })
  const text = historyText(history)
  const refused = (damaged: string, why = 'is damaged') => {
    expect(() => readHistory(damaged)).toThrow(HistoryRefused)
    expect(() => readHistory(damaged)).toThrow(why)
  }

  test('at every length', () => {
    // Without its last line feed it is whole.
    for (let length = 0; length < text.length - 1; length++) refused(text.slice(0, length))
  })

  test.each([
    ['"version": 1', '"version": 2', 'is of another version'],
    ['"lost"', '"found"', 'has other figures'],
    ['"last": ', '"last": -', 'is damaged'],
    ['"last": ', '"last": 1e999, "x": ', 'is damaged'],
    ['"down": [[', '"down": [["",', 'is damaged'],
    ['"down": [[', '"down": [[-1,1],[', 'is damaged'],
    ['"down": [[', '"down": [[1],[', 'is damaged'],
    ['"slots": [', '"slots": [[1,1,1,1,1,null,1],', 'is damaged'],
  ])('with %p changed to %p', (before, after, why) => {
    expect(text).toContain(before)
    refused(text.replace(before, after), why)
  })

  test('with more than a week', () => {
    refused(text.replace('"slots": [', `"slots": [${'[1,1,1,1,1,1,1],'.repeat(SLOTS)}`))
  })

  test.each(['null', '[]', '7', '"text"'])('of %s', (other) => {
    expect(() => readHistory(other)).toThrow(HistoryRefused)
  })
})

// The history as a text file: JSON, which an operator can read. Written and read by keeper.ts; history.ts says what
// the figures mean. Pure functions.
//
//  version │ saved: an ISO date, for people │ since, last: seconds of Unix time │ down: [day since 1970, seconds] of
//  each day with any │ columns: names │ slots: [quarter of an hour since 1970, values, the mean of each column]
import { COLUMNS, DAYS, History, type HistoryData, SLOTS } from './history.ts'

const VERSION = 1
/** Of a full one: 672 slots at about 80 characters, and 90 days. */
export const FILE_BYTES_MAX = 131_072

/** The message says why, and follows the file's name. */
export class HistoryRefused extends Error {
  override name = 'HistoryRefused'
}

export function historyText(history: History): string {
  const { since, last, down, slots } = history.data()
  const head = {
    version: VERSION,
    saved: new Date(last * 1000).toISOString(),
    since,
    last,
    columns: COLUMNS,
  }
  const lines = Object.entries(head).map(([name, value]) => `"${name}": ${JSON.stringify(value)}`)
  const rows = slots.map((slot) => JSON.stringify(slot))
  return `{\n${lines.join(',\n')},\n"down": ${JSON.stringify(down)},\n"slots": [\n${rows.join(',\n')}\n]\n}\n`
}

/** Throws HistoryRefused. */
export function readHistory(text: string): History {
  const value = parsed(text)
  const { version, since, last, columns, down, slots } = value
  if (version !== VERSION) throw new HistoryRefused('is of another version')
  if (JSON.stringify(columns) !== JSON.stringify(COLUMNS)) {
    throw new HistoryRefused('has other figures than this version')
  }
  const isRight =
    (since === null || isMoment(since)) &&
    isMoment(last) &&
    isTable(down, 2, DAYS) &&
    isTable(slots, 2 + COLUMNS.length, SLOTS)
  if (!isRight) throw new HistoryRefused('is damaged')
  return History.from(value as unknown as HistoryData)
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new HistoryRefused('is damaged')
}

function isMoment(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isTable(value: unknown, width: number, most: number): boolean {
  if (!Array.isArray(value) || value.length > most) return false
  return value.every(
    (row) =>
      Array.isArray(row) &&
      row.length === width &&
      Number.isSafeInteger(row[0]) &&
      row.every((item) => typeof item === 'number' && Number.isFinite(item) && item >= 0),
  )
}

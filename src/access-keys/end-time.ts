// Parses when a key expires, as written in the key file: a date, a time in the form of RFC 3339, or seconds since 1970.
// Called by read-file.ts for each line that has one.
const DIGIT_0 = 48
const HYPHEN = 45
const PLUS = 43
const DOT = 46
const COLON = 58
const DATE_BYTES = 10
const TIME_BYTES = 8
const OFFSET_BYTES = 6
const DAY_SEC = 86400
/** Every time from 2001 to 2286 has ten digits, and a date also has hyphens. */
const SECONDS_DIGITS = 10
/** The largest that fits into a slot of the table: in the year 2106. */
const END_MAX = 0xffffffff
const YEAR_MIN = 2000
const YEAR_MAX = 2099

/** Not a valid time. */
export const NO_TIME = -1

/**
 * The first moment at which the key is no longer valid, in seconds since 1970. A date means the last day (UTC) on
 * which it is valid. NO_TIME if it is neither form.
 */
export function readEnd(bytes: Uint8Array, from: number, to: number): number {
  if (to - from === SECONDS_DIGITS && isNumber(bytes, from, to)) {
    const seconds = numberAt(bytes, from, SECONDS_DIGITS)
    return seconds <= END_MAX ? seconds : NO_TIME
  }
  const day = dateAt(bytes, from, to)
  if (day === NO_TIME) return NO_TIME
  const at = from + DATE_BYTES
  if (at === to) return day + DAY_SEC
  const time = timeAt(bytes, at, to)
  return time === NO_TIME ? NO_TIME : day + time
}

/** The start of a day written as `2027-01-31`. */
function dateAt(bytes: Uint8Array, at: number, to: number): number {
  if (at + DATE_BYTES > to || bytes[at + 4] !== HYPHEN || bytes[at + 7] !== HYPHEN) return NO_TIME
  const year = numberAt(bytes, at, 4)
  const month = numberAt(bytes, at + 5, 2)
  const day = numberAt(bytes, at + 8, 2)
  if (!(year >= YEAR_MIN && year <= YEAR_MAX)) return NO_TIME
  const date = new Date(Date.UTC(year, month - 1, day))
  // Date turns the 31st of a shorter month into a day of the next month.
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isDay ? date.getTime() / 1000 : NO_TIME
}

/** Seconds since the start of the day for `T12:00:00Z` or `T12:00:00.5+02:00`; fractions are dropped. */
function timeAt(bytes: Uint8Array, from: number, to: number): number {
  if ((bytes[from] | 0x20) !== 't'.charCodeAt(0)) return NO_TIME
  let at = from + 1
  if (at + TIME_BYTES > to || bytes[at + 2] !== COLON || bytes[at + 5] !== COLON) return NO_TIME
  const minutes = minutesAt(bytes, at)
  const seconds = numberAt(bytes, at + 6, 2)
  // 60 is a leap second.
  if (minutes === NO_TIME || !(seconds >= 0 && seconds <= 60)) return NO_TIME
  at += TIME_BYTES
  if (bytes[at] === DOT) {
    const fraction = ++at
    while (at < to && isDigit(bytes[at])) at++
    if (at === fraction) return NO_TIME
  }
  const offset = offsetAt(bytes, at, to)
  return Number.isNaN(offset) ? NO_TIME : (minutes - offset) * 60 + seconds
}

/** The offset from UTC in minutes, for `Z` or `+02:00`; NaN for anything else. */
function offsetAt(bytes: Uint8Array, at: number, to: number): number {
  if (to - at === 1) return (bytes[at] | 0x20) === 'z'.charCodeAt(0) ? 0 : Number.NaN
  if (to - at !== OFFSET_BYTES || bytes[at + 3] !== COLON) return Number.NaN
  const minutes = minutesAt(bytes, at + 1)
  if (minutes === NO_TIME) return Number.NaN
  if (bytes[at] === PLUS) return minutes
  return bytes[at] === HYPHEN ? -minutes : Number.NaN
}

/** Minutes since the start of the day for `HH:MM`; NO_TIME if it is not valid. */
function minutesAt(bytes: Uint8Array, at: number): number {
  const hour = numberAt(bytes, at, 2)
  const minute = numberAt(bytes, at + 3, 2)
  return hour <= 23 && minute <= 59 ? hour * 60 + minute : NO_TIME
}

/** NaN if not all of them are digits. */
function numberAt(bytes: Uint8Array, from: number, digits: number): number {
  let number = 0
  for (let at = from; at < from + digits; at++) {
    number = isDigit(bytes[at]) ? number * 10 + bytes[at] - DIGIT_0 : Number.NaN
  }
  return number
}

function isNumber(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isDigit(bytes[at])) return false
  return true
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_0 + 9
}

// Numbers with a unit, as people write them: «20m» for 1200 seconds, «10M», «512 KB». Settings are whole
// numbers without one; setting.ts and read-file.ts say which number was meant.

/** The factor of each unit, in small letters, to what the setting counts. */
export type Units = Readonly<Record<string, number>>

export const COUNT_UNITS: Units = { '': 1, k: 1000, m: 1_000_000, g: 1_000_000_000 }

export const SECOND_UNITS: Units = {
  '': 1,
  ...{ s: 1, sec: 1, seconds: 1 },
  ...{ m: 60, min: 60, minutes: 60 },
  ...{ h: 3600, hours: 3600 },
  ...{ d: 86_400, days: 86_400 },
}

export const SIZE_UNITS: Units = {
  '': 1,
  ...{ b: 1, bytes: 1 },
  ...{ k: 1024, kb: 1024, kib: 1024 },
  ...{ m: 1024 ** 2, mb: 1024 ** 2, mib: 1024 ** 2 },
  ...{ g: 1024 ** 3, gb: 1024 ** 3, gib: 1024 ** 3 },
}

const NUMBER_WITH_UNIT = /^([+-]?[\d_]*\.?\d+(?:e[+-]?\d+)?)\s*([a-z]*)$/i

/** Rounded; NaN when the text is not a number with such a unit. */
export function numberMeant(text: string, units: Units): number {
  const match = NUMBER_WITH_UNIT.exec(text.trim())
  if (match === null) return Number.NaN
  const unit = match[2].toLowerCase()
  if (!Object.hasOwn(units, unit)) return Number.NaN
  return Math.round(Number(match[1].replaceAll('_', '')) * units[unit])
}

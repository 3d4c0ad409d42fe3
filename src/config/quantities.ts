// Counts and sizes for sentences, right for every number: «1 peer», «2 peers», «340 B», «1.2 MB».
// Used by messages of all parts.

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `many`: where it is not `one` with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Three digits, in the unit that shows them: never «0.0 MB». */
export function bytesText(bytes: number): string {
  let power = 0
  let value = bytes
  while (value >= 999.5 && power < BYTE_UNITS.length - 1) {
    value /= 1000
    power++
  }
  return `${power === 0 ? Math.round(value) : Number(value.toPrecision(3))} ${BYTE_UNITS[power]}`
}

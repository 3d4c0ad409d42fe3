// Whether memory may be in huge pages. Used by the tests of src/memory and src/os.
import { readFileSync } from 'node:fs'

/** The system was built with them. */
export const HAS_HUGE_PAGES = /^AnonHugePages:/m.test(readFileSync('/proc/meminfo', 'latin1'))

/** Whether the system was told to use them at this address. */
export function hasHugePages(address: number): boolean {
  const areas = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const area = areas.find((text) => {
    const [from, to] = text
      .split(' ', 1)[0]
      .split('-')
      .map((hex) => Number.parseInt(hex, 16))
    return from <= address && address < to
  })
  return / hg\b/.test(/^VmFlags:.*$/m.exec(area ?? '')?.[0] ?? '')
}

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { ResidentCode } from '../../src/os/resident-code.ts'

function residentFileKib(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1])
}

test('releasing the code gives memory back, and the process goes on', () => {
  const code = new ResidentCode()
  const before = residentFileKib()
  code.release()
  expect(residentFileKib()).toBeLessThan(before * 0.8)
  expect(JSON.parse(JSON.stringify({ still: ['here'] }))).toEqual({ still: ['here'] })
})

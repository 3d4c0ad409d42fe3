// The build for other machines, with stand-ins for npm and the tracker. That an executable runs
// without AVX2: test/clients/nehalem.test.ts.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

const isX64 = process.arch === 'x64'
const notHere = isX64 ? '' : ' (skipped: npm’s stand-in has only the Bun of this machine)'

let checkout: Checkout
beforeAll(() => {
  checkout = new Checkout()
  checkout.write('LICENSE', 'a licence\n')
  checkout.write('docs/third-party.md', 'more licences\n')
})
afterAll(() => checkout.remove())

test.skipIf(!isX64)(`a target has its executables, licences and sums${notHere}`, () => {
  checkout.write('dist/linux-x64/from-before', '')
  const { status, stderr } = checkout.run('scripts/build.sh', ['linux-x64-baseline'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })
  const folder = join(checkout.root, 'dist/linux-x64')
  expect(readdirSync(folder).sort()).toEqual([
    'LICENSE',
    'SHA256SUMS',
    'aquatic_udp',
    'third-party.md',
  ])
  expect(spawnSync('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: folder }).status).toBe(0)
  expect(readFileSync(join(folder, 'SHA256SUMS'), 'utf8').split('\n').length).toBe(4)
  const { stdout } = spawnSync(join(folder, 'aquatic_udp'), ['a flag'], { encoding: 'utf8' })
  expect(JSON.parse(stdout).flags).toEqual(['a flag'])
  expect(existsSync(join(checkout.root, 'dist/.packages'))).toBe(false)
})

test('a target that cannot be built is named, with those that can', () => {
  const { status, stderr } = checkout.run('scripts/build.sh', ['linux-riscv'])
  expect(status).toBe(1)
  expect(stderr).toContain(
    'unknown target «linux-riscv»: linux-x64 (also without AVX2) and linux-arm64',
  )
})

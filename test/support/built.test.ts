import { expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from './built.ts'
import { inFolder } from './folder.ts'

const LIB = join(import.meta.dir, '../../scripts/lib.sh')
const PARTS = ['bin', 'src', 'src/udp', 'scripts', 'dist']

/** A checkout with one executable, built after its sources. */
function inCheckout(use: (root: string, executable: string) => void): Promise<void> {
  return inFolder(async (root) => {
    for (const part of PARTS) mkdirSync(join(root, part))
    copyFileSync(LIB, join(root, 'scripts/lib.sh'))
    writeFileSync(join(root, 'src/udp/main.ts'), '')
    const executable = join(root, 'dist/aquatic_udp')
    writeFileSync(executable, '\x7fELF', { mode: 0o755 })
    for (const path of [...PARTS, 'src/udp/main.ts', 'scripts/lib.sh']) setAge(join(root, path), 60)
    use(root, executable)
  })
}

function setAge(path: string, seconds: number): void {
  const time = new Date(Date.now() - seconds * 1000)
  utimesSync(path, time, time)
}

const TOLD = /^dist\/aquatic_udp is missing, or older than its sources: run \.\/scripts\/test\.sh /

test('an executable that is newer than its sources is used', () =>
  inCheckout((root, executable) => checkBuilt(executable, root)))

test.each(['src/udp/main.ts', 'src/udp', 'scripts/lib.sh'])(
  'one that is older than %s is refused',
  (source) =>
    inCheckout((root, executable) => {
      setAge(join(root, source), -60)
      expect(() => checkBuilt(executable, root)).toThrow(TOLD)
    }),
)

test('one that is missing is refused', () =>
  inCheckout((root, executable) => {
    rmSync(executable)
    expect(() => checkBuilt(executable, root)).toThrow(TOLD)
  }))

test('scripts that run from the source, and executables elsewhere, are used whatever their age', () =>
  inCheckout((root, executable) => {
    setAge(join(root, 'src/udp/main.ts'), -60)
    checkBuilt('/opt/aquatic_udp', root)
    writeFileSync(executable, '#!/bin/sh\n')
    checkBuilt(executable, root)
  }))

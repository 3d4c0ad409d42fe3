// Style as a test: the part that a program can check. Each finding names its remedy.
// The rules themselves are proven on bad code in test/tidy/rules.test.ts.

import { expect, test } from 'bun:test'
import { duplicates } from './tidy/duplicates.ts'
import { hotCode, openLocks, staleAddresses } from './tidy/hot.ts'
import {
  type Circles,
  fileCycles,
  foreignFunctions,
  importCycles,
  importDirection,
  type MainImports,
  mainInWorkers,
  PROTOCOLS,
  unusedFiles,
} from './tidy/imports.ts'
import { openServers } from './tidy/servers.ts'
import { parseSource, readRepository } from './tidy/source.ts'
import {
  fileLength,
  fixedWaits,
  functionLength,
  headers,
  kernelNumbers,
  leftovers,
  lockfileGaps,
  machinePaths,
  orphanedComments,
  parameterCount,
  type Ratchet,
} from './tidy/text.ts'

/** Longer than the limit for now. Entries may be lowered and removed, not raised. */
const LONG_FILES: Ratchet = {}
const LONG_FUNCTIONS: Ratchet = {}
const MANY_PARAMETERS: Ratchet = {}

const CIRCLES: Circles = []
const MAIN_IMPORTS: MainImports = []

const files = readRepository()
const sources = files.filter(({ path }) => path.endsWith('.ts')).map(parseSource)
const lockfiles = files.filter(({ path }) => path === 'package-lock.json')

test('the rules see the repository', () => {
  expect(sources.length).toBeGreaterThan(20)
  expect(lockfiles.length).toBe(1)
})

test('imports point one way', () => expect(importDirection(sources)).toEqual([]))
test('workers import nothing of the main thread', () =>
  expect(mainInWorkers(sources, MAIN_IMPORTS)).toEqual([]))
test('folders do not import each other in circles', () => expect(importCycles(sources)).toEqual([]))
test('files do not import each other in circles', () =>
  expect(fileCycles(sources, CIRCLES)).toEqual([]))
test('what two protocols do stands once', () => expect(duplicates(sources, PROTOCOLS)).toEqual([]))
test('only src/os imports bun:ffi', () => expect(foreignFunctions(sources)).toEqual([]))
test('every file of src is used', () => expect(unusedFiles(sources)).toEqual([]))
test('addresses are taken of memory that stays', () => expect(staleAddresses(sources)).toEqual([]))
test('hot code does not allocate', () => expect(hotCode(sources)).toEqual([]))
test('no server shows its failures', () => expect(openServers(sources)).toEqual([]))
test('what throws under a lock ends the process', () => expect(openLocks(sources)).toEqual([]))
test('files are short', () => expect(fileLength(sources, LONG_FILES)).toEqual([]))
test('functions are short', () => expect(functionLength(sources, LONG_FUNCTIONS)).toEqual([]))
test('functions take few parameters', () =>
  expect(parameterCount(sources, MANY_PARAMETERS)).toEqual([]))
test('numbers of the kernel stand in one file', () => expect(kernelNumbers(sources)).toEqual([]))
test('doc comments describe something', () => expect(orphanedComments(sources)).toEqual([]))
test('every file says what it is for', () => expect(headers(sources)).toEqual([]))
test('no task is left behind without an issue', () => expect(leftovers(files)).toEqual([]))
test('no file names the machine it was written on', () => expect(machinePaths(files)).toEqual([]))
test('the lockfile is complete', () => expect(lockfiles.flatMap(lockfileGaps)).toEqual([]))
test('tests wait for events, not for time', () => expect(fixedWaits(sources)).toEqual([]))

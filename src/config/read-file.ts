// Reads a settings file from disk and turns it into TOML values with the line of each key.
// Called by load.ts; every failure is one line of text that names the file and the remedy.

import { closeSync, readSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import {
  FileFault,
  MAY_NOT_READ,
  openWithoutWaiting,
  readRegularFile,
  tooLarge,
} from './named-file.ts'
import { printable } from './output.ts'
import { mayShowSecret } from './secrets.ts'
import type { TomlValue } from './setting.ts'
import { type Accepts, hasSmartQuotes, withPlainQuotes } from './smart-quotes.ts'
import { type KeyLines, locateKeys } from './toml-locate.ts'

// A generous bound: the longest sensible file is a few KiB. It stops a read of /dev/zero.
const FILE_BYTES_MAX = 1024 * 1024

/** How long the writer of a pipe may take between two parts, and how often we try to read. */
const PIPE_MILLISECONDS = 5000
const PIPE_PAUSE_MS = 5

export interface SettingsFile {
  table: Record<string, TomlValue>
  lines: KeyLines
  /** The text, when nobody can read it again, as that of a pipe. */
  readOnce?: Uint8Array
}

export interface ReadOptions {
  /** The one that named the file. */
  readonly flag?: string
  /** The file may be a pipe, as in `-c <(generate)`. A pipe gives its text once, and a running program does not wait. */
  readonly isStart?: boolean
  /** Of the program, by name. */
  readonly secretKeys?: readonly string[]
  /** Whether one of its settings takes a value. */
  readonly accepts?: Accepts
}

/** A problem begins with the colon that belongs after the file's name. */
export function readSettingsFile(
  path: string,
  { flag = '-c', isStart = true, secretKeys = [], accepts = () => true }: ReadOptions = {},
): SettingsFile | { problem: string } {
  let text: string
  let readOnce: Uint8Array | undefined
  try {
    const read = isStart
      ? readAnything(path)
      : { bytes: readRegularFile(path, FILE_BYTES_MAX), isRegular: true }
    text = new TextDecoder('utf-8', { fatal: true }).decode(read.bytes)
    if (!read.isRegular) readOnce = read.bytes
  } catch (error) {
    return { problem: `: ${readFailure(error, flag)}` }
  }
  const file = parseSettings(text, secretKeys, accepts)
  return readOnce === undefined || 'problem' in file ? file : { ...file, readOnce }
}

export function parseSettings(
  text: string,
  secretKeys: readonly string[] = [],
  accepts: Accepts = () => true,
): SettingsFile | { problem: string } {
  try {
    const table = parse(text, { integersAsBigInt: true }) as unknown as Record<string, TomlValue>
    return { table, lines: locateKeys(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const isSecret = mayShowSecret(text, error.line, secretKeys)
    const failure = syntaxFailure(error, isSecret, accepts)
    return { problem: `:${error.line}:${error.column}: not TOML: ${failure}` }
  }
}

function readAnything(path: string): { bytes: Uint8Array; isRegular: boolean } {
  const { file, stats } = openWithoutWaiting(path)
  try {
    const buffer = new Uint8Array(FILE_BYTES_MAX + 1)
    let size = 0
    while (size < buffer.length) {
      // Before its first byte, a pipe seems to have ended until its other side is opened.
      const got = readPart(file, buffer, size, stats.isFIFO() && size === 0)
      if (got === 0) return { bytes: buffer.subarray(0, size), isRegular: stats.isFile() }
      size += got
    }
    throw tooLarge(FILE_BYTES_MAX)
  } finally {
    closeSync(file)
  }
}

/** Reads what there is; 0 at the end. `mayBegin`: an end may still be the beginning. */
function readPart(file: number, buffer: Uint8Array, size: number, mayBegin: boolean): number {
  const deadline = performance.now() + PIPE_MILLISECONDS
  while (performance.now() < deadline) {
    try {
      const got = readSync(file, buffer, size, buffer.length - size, null)
      if (got > 0 || !mayBegin) return got
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error
    }
    Bun.sleepSync(PIPE_PAUSE_MS)
  }
  const seconds = PIPE_MILLISECONDS / 1000
  throw new FileFault('SILENT', `it is a pipe or a terminal that gave no text for ${seconds} s`)
}

function readFailure(error: unknown, flag: string): string {
  const { code, message } = error as { code?: string; message: string }
  const hint = `check the path after ${flag}; -p prints a file to start from`
  if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no such file; ${hint}`
  if (code === 'EISDIR') return `this is a directory, not a file; ${hint}`
  if (code === 'EACCES' || code === 'EPERM') return MAY_NOT_READ
  if (error instanceof TypeError) return 'the file is not text in UTF-8; save it again as UTF-8'
  if (code === 'TOO_LARGE') {
    return `the file is longer than ${FILE_BYTES_MAX} bytes, which no settings file needs to be; ${hint}`
  }
  return `the file cannot be read: ${message}`
}

// The parser's message has a headline, then a drawing of the place; only the headline fits a log.
function syntaxFailure(error: TomlError, isSecret: boolean, accepts: Accepts): string {
  const headline = error.message.split('\n')[0].replace(/^Invalid TOML document: /, '')
  const line = error.codeblock.split('\n').find((row) => row.startsWith(`${error.line}:`))
  const source = line?.replace(/^\d+: */, '') ?? ''
  const shown =
    source.trim() === ''
      ? ''
      : isSecret
        ? ' (not shown: it may be secret)'
        : ` in "${printable(source.trim())}"`
  const remedy = hasSmartQuotes(source)
    ? quotesRemedy(source, isSecret, accepts)
    : syntaxRemedy(headline, source, error.column > source.length, isSecret)
  return `${headline}${shown}${remedy === '' ? '' : `; ${remedy}`}`
}

/** `source`: a line with quotes that TOML does not know. */
function quotesRemedy(source: string, isSecret: boolean, accepts: Accepts): string {
  const what = `these are typographic quotes, and only ' and " are quotes here`
  const line = isSecret ? null : withPlainQuotes(source, accepts)
  return line === null ? what : `${what}: write ${line}`
}

function syntaxRemedy(
  headline: string,
  source: string,
  atLineEnd: boolean,
  isSecret: boolean,
): string {
  if (headline.startsWith('trying to redefine')) return 'it is given twice, delete one'
  if (headline.startsWith('control characters') && atLineEnd) return 'the closing quote is missing'
  const isValue = /^invalid value|numeric literal|end-of-line/.test(headline)
  if (isValue) return valueRemedy(source, isSecret)
  if (!headline.includes('in key')) return ''
  if (/^\s*\[[^\]]*$/.test(source)) return 'the closing bracket is missing'
  return /^[^=]*(:|$)/.test(source) ? 'write = between key and value' : ''
}

/** `source`: a line whose value is none of TOML. Of a secret, the remedy tells nothing. */
function valueRemedy(source: string, isSecret: boolean): string {
  const [, key, value] = /^\s*([^=\s]+)\s*=\s*([^#'"]*?)\s*(?:#.*)?$/.exec(source) ?? []
  if (value === '') return 'a key needs a value'
  if (isSecret || value === undefined || /[=\s[\]{},]/.test(value))
    return 'one setting to a line, and text needs quotes'
  if (/^(yes|true)$/i.test(value)) return `write ${key} = true`
  if (/^(no|false)$/i.test(value)) return `write ${key} = false`
  if (/^[+-]?[\d_.]+\s*[a-z]+$/i.test(value))
    return 'a number has no unit: write it in digits alone'
  return `text needs quotes: write ${key} = '${value}'`
}

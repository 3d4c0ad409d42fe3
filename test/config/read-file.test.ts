import { describe, expect, test } from 'bun:test'
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSettings, readSettingsFile } from '../../src/config/read-file.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()

function inFile<T>(content: string | Uint8Array, use: (path: string) => T): T {
  const path = join(folder, 'settings.toml')
  writeFileSync(path, content)
  return use(path)
}

function problemOf(text: string): string {
  const file = parseSettings(text)
  return 'problem' in file ? file.problem : 'none'
}

describe('a file', () => {
  test('gives its values and the line of each key', () => {
    inFile('a = 1\n[b]\nc = "x"\nd = 1.0\n', (path) => {
      const file = readSettingsFile(path)
      if ('problem' in file) throw new Error(file.problem)
      expect(file.table).toEqual({ a: 1n, b: { c: 'x', d: 1 } })
      expect(file.lines.find(['b', 'c'])).toBe(3)
    })
  })

  test('may begin with a byte order mark, and have any line ends', () => {
    inFile('\ufeffa = 1\r\nb = 2\r\n', (path) => {
      const file = readSettingsFile(path)
      if ('problem' in file) throw new Error(file.problem)
      expect(file.table).toEqual({ a: 1n, b: 2n })
      expect(file.lines.find(['b'])).toBe(2)
    })
  })

  test('that is not there, is a directory, or lies below a file is a problem of one line', () => {
    expect(readSettingsFile('/nonexistent/x.toml')).toEqual({
      problem: ': there is no such file; check the path after -c; -p prints a file to start from',
    })
    expect(readSettingsFile('/nonexistent/x.toml', { flag: '--udp' })).toHaveProperty(
      'problem',
      expect.stringContaining('check the path after --udp;'),
    )
    expect(readSettingsFile(tmpdir())).toHaveProperty(
      'problem',
      expect.stringContaining('this is a directory'),
    )
    inFile('', (path) => {
      const file = readSettingsFile(join(path, 'x'))
      expect(file).toHaveProperty('problem', expect.stringContaining('no such file'))
    })
    expect(readSettingsFile('a\0b')).toHaveProperty('problem')
  })

  test('that is not UTF-8 or never ends is a problem of one line', () => {
    inFile(new Uint8Array([0xff, 0xfe, 0x61]), (path) => {
      const file = readSettingsFile(path)
      expect(file).toHaveProperty('problem', expect.stringContaining('UTF-8'))
    })
    expect(readSettingsFile('/dev/zero')).toHaveProperty(
      'problem',
      expect.stringContaining('longer than 1048576 bytes'),
    )
  })

  test('may be a pipe that is filled bit by bit, at the start', () => {
    const path = join(folder, 'pipe')
    spawnSync('mkfifo', [path])
    spawn('sh', ['-c', `{ sleep 0.05; echo 'a = 1'; sleep 0.05; echo 'b = 2'; } > ${path}`])
    expect(readSettingsFile(path)).toHaveProperty('table', { a: 1n, b: 2n })
    expect(readSettingsFile(path, { isStart: false })).toEqual({
      problem: ': the file cannot be read: it is a pipe, and only regular files are read',
    })
  })

  test('that is a pipe without a writer is waited for some seconds', () => {
    const path = join(folder, 'dry')
    spawnSync('mkfifo', [path])
    const problem =
      ': the file cannot be read: it is a pipe or a terminal that gave no text for 5 s'
    expect(readSettingsFile(path)).toEqual({ problem })
  }, 180_000)

  test('of the greatest length is read', () => {
    const line = '# a comment\n'
    inFile(line.repeat(Math.floor((1024 * 1024) / line.length)), (path) => {
      expect(readSettingsFile(path)).toHaveProperty('table', {})
    })
  })
})

describe('a syntax error names line, column and remedy:', () => {
  test.each([
    ['a = 1\na = 2', ':2:1: ', 'it is given twice'],
    ['[a]\n[a]', ':2:2: ', 'it is given twice'],
    ['\n  a = "b\nc = 1', ':2:9: ', 'closing quote is missing'],
    ['a =', ':1:', 'a key needs a value'],
    ['log_level = info', ':1:16: ', "text needs quotes: write log_level = 'info'"],
    ['a = 0.0.0.0:3000 # all', ':1:8: ', "text needs quotes: write a = '0.0.0.0:3000'"],
    ['a = yes', ':1:', 'write a = true'],
    ['a = False', ':1:', 'write a = false'],
    ['a = “0.0.0.0:3000”', ':1:5: ', "only ' and \" are quotes here: write a = '0.0.0.0:3000'"],
    ['a = ”x“ # b', ':1:', "write a = 'x' # b"],
    ['a = ‘x’', ':1:', "write a = 'x'"],
    ['a = “it’s”', ':1:', "write a = 'it’s'"],
    ["a = “it's”", ':1:', 'write a = "it\'s"'],
    ['a = “x"', ':1:', "write a = 'x'"],
    ['a = „x', ':1:', "write a = 'x'"],
    ['a = [“x”, “[::]:1”]', ':1:', "write a = ['x', '[::]:1']"],
    ['“a” = 1', ':1:', 'only \' and " are quotes here'],
    ['a = 10M', ':1:', 'a number has no unit: write it in digits alone'],
    ['a = [x]', ':1:', 'text needs quotes'],
    ['[a\nb = 1', ':1:3: ', 'closing bracket is missing'],
    ['a: 1', ':1:2: ', 'write ='],
    ['listen.udp.workers 4', ':1:20: ', 'write = between key and value'],
    ['a = 1 b = 2', ':1:', 'in "a = 1 b = 2"; one setting to a line'],
    ['a = 99999999999999999999 #', 'none', ''],
  ])('%p', (text, place, remedy) => {
    const problem = problemOf(text)
    expect(problem).toStartWith(place)
    expect(problem).toContain(remedy)
    expect(problem).not.toContain('\n')
  })
})

// Whatever is wrong with a settings file, no message shows what may be a password.
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSettings } from '../../src/config/load.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { wsSettings } from '../../src/ws/settings/program.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()

function problemsOf(text: string, settings: typeof wsSettings | typeof udpSettings): string {
  const path = join(folder, 'settings.toml')
  writeFileSync(path, text)
  return loadSettings(settings as typeof wsSettings, path, {}).problems.join('\n')
}

// Each with the password hunter2 and a mistake.
const MISTAKES = [
  ['without quotes', 'tls_pkcs12_password = hunter2'],
  ['without its last quote', "tls_pkcs12_password = 'hunter2"],
  ['without its first quote', "tls_pkcs12_password = hunter2'"],
  ['with an escape that is none', 'tls_pkcs12_password = "hunter2\\q"'],
  ['with something behind it', "tls_pkcs12_password = 'hunter2' hunter2"],
  ['with a colon', "tls_pkcs12_password: 'hunter2'"],
  ['without anything between', "tls_pkcs12_password 'hunter2'"],
  ['written twice', "tls_pkcs12_password = ''\ntls_pkcs12_password = 'hunter2'"],
  ['of two words', 'tls_pkcs12_password = hunter2 hunter2'],
  ['of a list', "tls_pkcs12_password = ['',\nhunter2]"],
  ['of the next line', 'tls_pkcs12_password = [\n\nhunter2\n]'],
  ['of several lines', "tls_pkcs12_password = '''\nhunter2\n''' hunter2"],
  ['of several lines without an end', "tls_pkcs12_password = '''\n\nhunter2"],
  ['with an escape in its second line', 'tls_pkcs12_password = """a\nhunter2\\q"""'],
  ['whose key is misspelled', 'tls_pkcs12_pasword = hunter2'],
  ['whose key is another', 'tls_password = hunter2'],
  ['whose key is in quotes', "'tls_pkcs12_password' = hunter2"],
  ['in an inline table', "tls = { tls_pkcs12_password = 'hunter2', = }"],
  ['in a table of its own', "address = { tls_pkcs12_password = 'hunter2' }"],
  ['on the line of its section', "[x] tls_pkcs12_password = 'hunter2'"],
]

describe.each([
  ['aquatic_ws', wsSettings],
  ['aquatic_udp, which has no password', udpSettings],
] as const)('in a file for %s, a password', (_name, settings) => {
  test.each(MISTAKES)('%s is not shown', (_mistake, line) => {
    const problems = problemsOf(`[network]\n${line}\n`, settings)
    expect(problems).toMatch(/settings\.toml:\d/)
    expect(problems).not.toContain('hunter2')
  })
})

test('the form of a value is not revealed either', () => {
  for (const value of ['yes', 'No', '12m', 'word']) {
    const problems = problemsOf(`[network]\ntls_pkcs12_password = ${value}\n`, wsSettings)
    expect(problems).toMatch(
      /:2:\d+: not TOML: [a-z -]+ \(not shown: it may be secret\); one setting to a line, and text needs quotes$/,
    )
  }
})

test('other lines are still shown, with the remedy', () => {
  const before = "[network]\n# the password\ntls_pkcs12_password = 'hunter2' # '''\n"
  const problems = problemsOf(`${before}address = 0.0.0.0:3000\n`, wsSettings)
  expect(problems).toContain('in "address = 0.0.0.0:3000"')
  expect(problems).toContain("write address = '0.0.0.0:3000'")
})

// In a real bash, which every system with these scripts has. zsh and fish: test/clients/completion.test.ts.
import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completionText } from '../../src/config/completion.ts'
import { flagsOf } from '../../src/config/flags.ts'
import { defineSettings } from '../../src/config/schema.ts'
import { folderOfFile } from '../support/folder.ts'

const program = {
  name: 'demo',
  description: 'demonstration',
  settings: defineSettings({ schema: {}, retired: {}, crossCheck: () => [] }),
  flags: [
    { name: 'json', value: 'FILE', help: ['write JSON'] },
    { name: 'pid', value: 'N', help: ["watch the tracker's process"] },
  ],
}

const folder = folderOfFile()
beforeAll(() => {
  for (const file of ['udp.toml', 'my udp.toml', 'notes.txt']) writeFileSync(join(folder, file), '')
  mkdirSync(join(folder, 'conf'))
})

/** What bash offers for the last of these words, the way readline splits them. */
function complete(...words: string[]): string[] {
  const script = `compopt() { :; }
${completionText('bash', program)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_demo
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = Bun.spawnSync(['bash', '-c', script, 'bash', 'demo', ...words], {
    cwd: folder,
  })
  expect(stderr.toString()).toBe('')
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

describe.skipIf(Bun.which('bash') === null)('bash', () => {
  test('every flag is offered', () => {
    const names = flagsOf(program.flags).flatMap(({ name, short }) =>
      short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`],
    )
    expect(complete('')).toEqual(names.sort())
  })

  test('a beginning is completed', () => {
    expect(complete('--print')).toEqual(['--print-config', '--print-effective-config'])
    expect(complete('-c', 'udp.toml', '--che')).toEqual(['--check'])
  })

  test.each([[['-c', '']], [['--config-file', '']], [['--config-file', '=']]])(
    'settings files and folders are offered after %p',
    (words) => expect(complete(...words)).toEqual(['conf', 'my udp.toml', 'udp.toml']),
  )

  test('a beginning of a path is completed, also behind =', () => {
    expect(complete('-c', 'm')).toEqual(['my udp.toml'])
    expect(complete('--config-file', '=', 'u')).toEqual(['udp.toml'])
  })

  test('any file is offered where any is taken, nothing where a number is', () => {
    expect(complete('--json', 'n')).toEqual(['notes.txt'])
    expect(complete('--pid', '')).toEqual([])
  })
})

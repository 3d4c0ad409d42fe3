// The completions of zsh and fish in the shells themselves. Those of bash: test/config/completion.test.ts.
import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'

const COMPLETIONS = join(import.meta.dir, '../../packaging/completions')

const folder = folderOfFile()
beforeAll(() => {
  for (const file of ['udp.toml', 'notes.txt']) writeFileSync(join(folder, file), '')
})

function linesOf(command: string[]): string[] {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, LC_ALL: 'C.UTF-8' }
  const { stdout, stderr } = Bun.spawnSync(command, { cwd: folder, env })
  expect(stderr.toString()).toBe('')
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
}

describe('fish', () => {
  const complete = (line: string) =>
    linesOf([
      'fish',
      '--no-config',
      '-c',
      `source ${COMPLETIONS}/fish/aquatic_udp.fish; complete -C '${line}'`,
    ]).map((text) => text.split('\t')[0])

  test('flags are completed', () => {
    expect(complete('aquatic_udp --print')).toEqual(['--print-config', '--print-effective-config'])
    expect(complete('aquatic_udp --ch')).toEqual(['--check'])
  })

  test('files are offered for a settings file, and nowhere else', () => {
    expect(complete('aquatic_udp -c ud')).toEqual(['udp.toml'])
    expect(complete('aquatic_udp ud')).toEqual([])
  })
})

// A shell on a terminal of its own. Keys are sent once its prompt, =>, shows that it reads them.
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \\$fpath); autoload -U compinit; compinit -u -D; LISTMAX=1000; PS1='=''>'"
zpty -r shell text '*=>*'
zpty -n -w shell "$2"$'\\t'
zpty -n -w shell $'\\C-u'"print EN''D"$'\\n'
zpty -r shell text $'*END\\r\\n*'
print -r -- "$text"
zpty -d shell
`

describe('zsh', () => {
  const complete = (line: string) =>
    linesOf(['zsh', '-f', '-c', ZSH, 'zsh', `${COMPLETIONS}/zsh`, line]).join('\n')

  test.each([
    ['--ch', '--check'],
    ['--config', '--config-file='],
    ['--print-e', '--print-effective-config'],
    ['-c ', '-c udp.toml'],
    ['--config-file=', '--config-file=udp.toml'],
  ])('%p becomes %p', (typed, completed) => {
    expect(complete(`aquatic_udp ${typed}`)).toContain(`aquatic_udp ${completed}`)
  })
})

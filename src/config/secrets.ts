// Which parts of a settings file must not be shown, because a secret may stand there. Used for messages
// by read-file.ts and load.ts.

/**
 * Parts of names that people give to secrets, also misspelled: a file may have been given to another program, whose
 * schema does not know the key.
 */
const LIKE_A_SECRET = /pas|pwd|phrase|secret|token|cred|pkcs12/i

/** A comment cannot open a value that continues on further lines. */
const COMMENT = /^\s*#/

/** A value of one line, as strings are: whatever follows in the next line does not belong to it. */
const ENDS_ON_ITS_LINE = /=\s*(?:'[^']*'|"(?:\\.|[^"\\])*")\s*(?:#.*)?$/

export function mentionsSecret(text: string, secretKeys: readonly string[]): boolean {
  return LIKE_A_SECRET.test(text) || secretKeys.some((key) => text.includes(key))
}

/** Whether line number `line`, from 1, of a file that may be broken could be a secret's, or a part of it. */
export function mayShowSecret(text: string, line: number, secretKeys: readonly string[]): boolean {
  const lines = text.split(/\r?\n/).slice(0, line)
  const isSecret = (candidate: string) => mentionsSecret(candidate, secretKeys)
  if (isSecret(lines.at(-1) ?? '')) return true
  // Where a secret does not end on its line, it is unknown where it does.
  return lines.some((candidate) => {
    return isSecret(candidate) && !COMMENT.test(candidate) && !ENDS_ON_ITS_LINE.test(candidate)
  })
}

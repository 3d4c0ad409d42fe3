// Links and headings of Markdown, as GitHub shows it. Used by the tests of documents and of the npm package.

export interface Link {
  readonly file: string
  readonly anchor: string
}

/** Those that lead into the repository, pictures too; not those in code. */
export function linksOf(markdown: string): Link[] {
  return [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file, anchor = ''] = target.split('#')
      return { file, anchor }
    })
}

/** What can stand behind a `#`: of headings, and of anchors that are set by hand. */
export function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>()
  const headings = [...withoutFences(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
  const set = [...markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, anchor]) => anchor)
  return [...headings, ...set]
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^( *)```.*?^\1```/gms, '')
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replace(/`[^`\n]*`/g, (code) => (code.includes('](') ? '' : code))
}

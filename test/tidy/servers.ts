// Style rule for servers that strangers can reach: they must not see what the runtime answers by itself when
// a request fails. Used by test/tidy.test.ts.
import { calleeName, type Finding, finding, line, type Node, type Source, walk } from './source.ts'

const REMEDY =
  'Give it development: false and an error handler (FailedRequests of src/operations/request.ts)'

export function openServers(sources: readonly Source[]): Finding[] {
  const found: Finding[] = []
  for (const source of sources.filter(({ path }) => /^(src|load)\//.test(path))) {
    walk(source.program, (node) => {
      if (node.type !== 'CallExpression' || calleeName(node) !== 'Bun.serve') return
      const options = (node.arguments as Node[])[0]
      const properties = options?.type === 'ObjectExpression' ? (options.properties as Node[]) : []
      const find = (name: string) => {
        const property = properties.find(({ key }) => (key as Node | undefined)?.name === name)
        return property?.value as Node | undefined
      }
      if (find('development')?.value === false && find('error') !== undefined) return
      found.push(finding(source, line(node), 'a server that shows its failures', REMEDY))
    })
  }
  return found
}

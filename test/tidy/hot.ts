// Style rules of code that runs once per packet: what follows the line «HOT: no allocation below
// this line» in a file. Constructors and module level run once and may allocate there too, and so
// may functions that return «never», because they end the process.
// Used by test/tidy.test.ts.

import {
  calleeName,
  type Finding,
  finding,
  isFunction,
  line,
  type Node,
  type Source,
  walk,
} from './source.ts'

const MARKER = 'HOT: no allocation below this line'

export function hotCode(sources: readonly Source[]): Finding[] {
  return sources.filter(({ path }) => /^(src|load)\//.test(path)).flatMap(checkFile)
}

/**
 * What throws under a lock must end the process. In hot code nothing catches it; elsewhere a lock is taken
 * by a function that takes care of that.
 */
export function openLocks(sources: readonly Source[]): Finding[] {
  const found: Finding[] = []
  for (const source of sources.filter(({ path }) => path.startsWith('src/'))) {
    const marker = source.comments.find(({ text }) => text.includes(MARKER))
    const hotFrom = marker?.lastLine ?? Number.POSITIVE_INFINITY
    walk(source.program, (node, parents) => {
      if (node.type !== 'CallExpression' || !/(^|\.)lock$/.test(calleeName(node))) return
      if (line(node) > hotFrom || parents.some(isGuard)) return
      found.push(finding(source, line(node), 'a lock taken outside of hot code', GUARD))
    })
  }
  return found
}

const GUARD = 'Use `locked` of the table, or `underLock` (src/memory/lock.ts)'

/** The two functions that the finding names. */
function isGuard(node: Node): boolean {
  const name = ((node.id ?? node.key) as Node | undefined)?.name
  return isFunction(node) && (name === 'locked' || name === 'underLock')
}

function checkFile(source: Source): Finding[] {
  const marker = source.comments.find(({ text }) => text.includes(MARKER))
  if (marker === undefined) {
    const claim = source.comments.find(({ text }) => /\bHOT\b/.test(text))
    if (claim === undefined) return []
    const remedy = `Put the comment «${MARKER}» above the code it is meant for`
    return [finding(source, claim.firstLine, 'HOT without the line from which it holds', remedy)]
  }
  const found: Finding[] = []
  walk(source.program, (node, parents) => {
    if (line(node) <= marker.lastLine) return
    if (!runsOften(parents) && !isAsync(node)) return
    const [wrong, remedy] = allocation(node, parents) ?? []
    if (wrong !== undefined && remedy !== undefined) {
      found.push(finding(source, line(node), `${wrong} in a hot file`, remedy))
    }
  })
  return found
}

// Class fields are initialised once per object, like constructors.
function runsOften(parents: readonly Node[]): boolean {
  const inner = parents.findLast((node) => isFunction(node) || node.type === 'ClassProperty')
  return (
    inner !== undefined && isFunction(inner) && inner.kind !== 'constructor' && !returnsNever(inner)
  )
}

function returnsNever(node: Node): boolean {
  const annotation = node.returnType as Node | null | undefined
  return (annotation?.typeAnnotation as Node | undefined)?.type === 'TSNeverKeyword'
}

const ALLOCATIONS: Readonly<Record<string, readonly [wrong: string, remedy: string]>> = {
  NewExpression: ['«new»', 'Allocate in the constructor or above the line, and reuse'],
  ObjectExpression: ['an object literal', 'Pass the values as arguments or write into a buffer'],
  ArrayExpression: ['an array literal', 'Write into a typed array the caller gives'],
  ArrayPattern: [
    'array destructuring',
    'Read the elements by index: destructuring makes an iterator',
  ],
  ForOfStatement: ['«for of»', 'Count an index: the loop makes an iterator'],
  SpreadElement: ['spread', 'Copy element by element'],
  RestElement: ['a rest element', 'Name the parameters'],
  TemplateLiteral: ['a template string', 'Return a code, and let the caller make the text'],
  BigIntLiteral: ['a BigInt', 'Use two 32-bit words'],
  TryStatement: ['«try»', 'Return a code for bad input; let a bug end the process'],
  ThrowStatement: [
    '«throw»',
    'Return a code for bad input; for a bug call a function that returns never',
  ],
  AwaitExpression: ['«await»', 'Hot code never waits for the event loop'],
  YieldExpression: ['«yield»', 'Loop in place'],
}

const CALLS: Readonly<Record<string, string>> = {
  subarray: 'Pass the whole view with offset and size',
  slice: 'Pass the whole view with offset and size',
  toString: 'Return the number, and let the caller make the text',
  map: 'Loop over an index and write into a typed array',
  filter: 'Loop over an index and write into a typed array',
  forEach: 'Loop over an index',
}

function allocation(node: Node, parents: readonly Node[]): readonly [string, string] | undefined {
  if (Object.hasOwn(ALLOCATIONS, node.type)) return ALLOCATIONS[node.type]
  if (isAsync(node)) return ['an async or generator function', CLOSURE]
  if (isFunction(node) && parents.some(isFunction)) return ['a closure', CLOSURE]
  if (node.type === 'CallExpression') {
    const name = calleeName(node)
    const method = name.slice(name.lastIndexOf('.') + 1)
    if (name === 'BigInt') return ALLOCATIONS.BigIntLiteral
    if (name.includes('.') && Object.hasOwn(CALLS, method)) return [`«${method}»`, CALLS[method]]
  }
  return undefined
}

function isAsync(node: Node): boolean {
  return isFunction(node) && (node.async === true || node.generator === true)
}

const CLOSURE = 'Write a plain function at module level with numbers as arguments'

/**
 * The address of a small typed array goes stale when the engine moves its buffer. So addresses are
 * taken only of views on an explicit buffer; a variable or a field as only argument counts as one.
 */
export function staleAddresses(sources: readonly Source[]): Finding[] {
  const found: Finding[] = []
  for (const source of sources) {
    walk(source.program, (node, parents) => {
      if (node.type !== 'CallExpression') return
      if (calleeName(node) === 'nativeWords' && isOfModule(parents)) {
        found.push(finding(source, line(node), "a module's own native memory", PERMANENT))
      }
      if (!/^(ptr|addressOf)$/.test(calleeName(node))) return
      const view = (node.arguments as Node[])[0]
      if (view?.type !== 'NewExpression' || !/Array$/.test(calleeName(view))) return
      const buffer = (view.arguments as Node[])[0]
      const explicit = calleeName(node) === 'addressOf' && buffer?.type === 'MemberExpression'
      if (!explicit) found.push(finding(source, line(node), 'the address of a new array', ADDRESS))
    })
  }
  return found
}

/** The engine drops a constant that no function mentions, whatever still uses its address. */
function isOfModule(parents: readonly Node[]): boolean {
  return !parents.some((parent) => isFunction(parent) || parent.type === 'ClassBody')
}

const PERMANENT = 'Take it from permanentWords (src/os/ffi.ts)'
const ADDRESS = 'Take memory from nativeWords (src/os/ffi.ts) and keep the view referenced'

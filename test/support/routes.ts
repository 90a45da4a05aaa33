import type { TestApp } from './app.ts'

/** Every route that the router knows, from its own printed tree. */
export function routesOf({ app }: Pick<TestApp, 'app'>): { method: string; url: string }[] {
  const path: string[] = []
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const match = /^((?:[│ ] {3})*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?$/.exec(line)
      if (match === null) return []
      const [, indent = '', segment = '', methods = ''] = match
      path.splice(indent.length / 4)
      path.push(segment)
      return methods
        .split(', ')
        .filter((method) => method !== '')
        .map((method) => ({ method, url: path.join('') }))
    })
}

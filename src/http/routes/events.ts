import type { EventFeeds } from '../events/event-feeds.js';
import { followExecution } from '../openapi/operations/executions.js';
import type { Route } from '../route.js';
import { executionIdOf } from './identifiers.js';

export interface EventRoutesOptions {
  readonly feeds: EventFeeds;
}

export function eventRoutes({ feeds }: EventRoutesOptions): Route[] {
  return [
    {
      ...followExecution,
      async handle({ request, params }) {
        const id = executionIdOf(params[0]);
        return feeds.open(id, request, request.header('last-event-id'));
      },
    },
  ];
}

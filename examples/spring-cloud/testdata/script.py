"""Plays what it is told, line by line, with py_eureka_client: a JSON object in, a JSON object out."""

import json
import sys

answers, sys.stdout = sys.stdout, sys.stderr  # the client logs to stdout

import py_eureka_client.eureka_client as eureka_client
strategies = {"random": 1, "stick": 2, "other": 3}


def play(step):
    op = step.pop("op")
    if op == "init":
        step["ha_strategy"] = strategies[step.get("ha_strategy", "random")]
        eureka_client.init(**step)
    elif op == "call":
        return eureka_client.do_service(step.pop("service"), step.pop("path"), **step)
    elif op == "walk":
        failures, urls = step["failures"], []

        def walker(url):
            urls.append(url)
            if len(urls) <= failures:
                raise ConnectionError("told to")
            return url

        eureka_client.walk_nodes(step["service"], step["path"], walker=walker)
        return urls
    elif op == "status":
        eureka_client.get_event_loop().run_until_complete(eureka_client.get_client().status_update(step["value"]))
    elif op == "clear":
        eureka_client.get_event_loop().run_until_complete(eureka_client.get_client().delete_status_override())
    elif op == "services":
        return sorted(app.name.lower() for app in eureka_client.get_client().applications.applications)
    elif op == "up":
        return sorted(i.instanceId for i in eureka_client.get_client().applications.get_application(step["service"]).up_instances)
    elif op == "stop":
        eureka_client.stop()
    return None


for line in sys.stdin:
    try:
        answer = {"value": play(json.loads(line))}
    except Exception as problem:  # what failed is an answer, too
        answer = {"error": type(problem).__name__}
    print(json.dumps(answer), file=answers, flush=True)

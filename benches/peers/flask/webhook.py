"""The script that imagereview replaces, as it is usually written: a string test in a Flask view.

webhook.py PORT CERTIFICATE KEY
"""

import sys

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/image_policy")
def image_policy():
    review = request.get_json()
    status = {"allowed": True}
    for container in review["spec"]["containers"]:
        image = container["image"]
        if ":" not in image or ":latest" in image:
            status = {"allowed": False, "reason": "images without a tag or tagged latest may not run"}
            break
    return jsonify(apiVersion=review["apiVersion"], kind=review["kind"], status=status)


if __name__ == "__main__":
    port, certificate, key = sys.argv[1:]
    app.run(host="127.0.0.1", port=int(port), ssl_context=(certificate, key))

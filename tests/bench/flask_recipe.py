"""The usual recipe for accounts in a JSON bin, as a yardstick: read the whole list, change it, write it
back. Settings come from the environment: BIN_ID, JSONBIN_URL, JSONBIN_API_KEY."""

import os

import requests
from flask import Flask, jsonify, request

app = Flask(__name__)
BIN = f"{os.environ['JSONBIN_URL']}/b/{os.environ['BIN_ID']}"
http = requests.Session()
http.headers["X-Master-Key"] = os.environ["JSONBIN_API_KEY"]
http.headers["User-Agent"] = "recipe"
http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))


def read_users():
    users = http.get(f"{BIN}/latest").json()["record"]
    return [user for user in users if user]  # a list that was made empty holds {}


@app.post("/register")
def register():
    name, password = request.form["username"], request.form["password"]
    users = read_users()
    if any(user["username"] == name for user in users):
        return jsonify(error="Username already exists"), 400
    users.append({"username": name, "password": password, "role": "user"})
    http.put(BIN, json=users)
    return jsonify(message="User registered successfully")


@app.post("/login")
def login():
    name, password = request.form["username"], request.form["password"]
    if any(u["username"] == name and u["password"] == password for u in read_users()):
        return jsonify(message="Login successful")
    return jsonify(error="Invalid credentials"), 401

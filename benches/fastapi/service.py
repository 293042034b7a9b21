"""The plain service that the figures are compared with: an exact look-up and one durable audit row.

It does no matching, signs nothing and tells nobody. Both ways of writing such a service are here, `/sync` and `/async`; the
benchmark measures both and compares with the quicker one.
"""

import os
import uuid
from datetime import UTC, date, datetime

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

URL = os.environ["LOOK_UP_URL"]  # sqlite:///PATH or postgresql://USER@HOST/DATABASE
TOKEN = os.environ["LOOK_UP_TOKEN"]
SQLITE = URL.startswith("sqlite")
POOL = {"pool_size": 8, "max_overflow": 0, "pool_timeout": 60}

blocking = create_engine(URL if SQLITE else URL.replace("postgresql:", "postgresql+psycopg:"), **POOL)
waiting = create_async_engine(
    URL.replace("sqlite:", "sqlite+aiosqlite:") if SQLITE else URL.replace("postgresql:", "postgresql+asyncpg:"), **POOL
)
if SQLITE:

    def durable(connection, _record):
        for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL", "cache_size = -16000"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(blocking, "connect", durable)
    event.listen(waiting.sync_engine, "connect", durable)

FIND = text("SELECT id FROM look_up WHERE family = :family AND given = :given AND born = :born")
RECORD = text("INSERT INTO look_up_audit (id, at, subject, outcome, child) VALUES (:id, :at, :subject, :outcome, :child)")

app = FastAPI()


class Question(BaseModel):
    given: str
    family: str
    born: date


def allowed(authorization: str) -> None:
    if authorization != f"Bearer {TOKEN}":
        raise HTTPException(401)


def sought(question: Question) -> dict:
    return {"given": question.given, "family": question.family, "born": question.born.isoformat()}


def entry(child: int | None) -> dict:
    outcome = "found" if child is not None else "none"
    return {"id": str(uuid.uuid4()), "at": datetime.now(UTC).isoformat(), "subject": "nurse", "outcome": outcome, "child": child}


@app.post("/sync", status_code=201)
def look_up(question: Question, authorization: str = Header()) -> dict:
    allowed(authorization)
    with blocking.begin() as connection:
        child = connection.execute(FIND, sought(question)).scalar()
        row = entry(child)
        connection.execute(RECORD, row)
    return {"id": row["id"], "outcome": row["outcome"], "child": child}


@app.post("/async", status_code=201)
async def look_up_waiting(question: Question, authorization: str = Header()) -> dict:
    allowed(authorization)
    async with waiting.begin() as connection:
        child = (await connection.execute(FIND, sought(question))).scalar()
        row = entry(child)
        await connection.execute(RECORD, row)
    return {"id": row["id"], "outcome": row["outcome"], "child": child}


@app.get("/ready")
def ready() -> dict:
    return {}

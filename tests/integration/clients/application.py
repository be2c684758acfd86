"""What an application does, with one of psycopg's two generations: argv is port, then 2 or 3."""
import sys

port, generation = int(sys.argv[1]), sys.argv[2]
where = f"host=127.0.0.1 port={port} user=app password=secret dbname=postgres"
if generation == "2":
    import psycopg2 as driver
    errors = driver.errors
else:
    import psycopg as driver
    errors = driver.errors

conn = driver.connect(where)
cur = conn.cursor()
cur.execute("CREATE TABLE py (id int PRIMARY KEY, name text)")
conn.commit()
for i in range(20):
    cur.execute("INSERT INTO py VALUES (%s, %s)", (i, f"name {i} é"))
conn.commit()
cur.execute("SELECT count(*) FROM py")
assert cur.fetchone() == (20,)
conn.rollback()

# Reads and writes in turn, each its own transaction: every read sees the write before it.
conn.autocommit = True
for i in range(20):
    cur.execute("UPDATE py SET name = %s WHERE id = %s", (f"round {i}", i))
    cur.execute("SELECT name FROM py WHERE id = %s", (i,))
    assert cur.fetchone() == (f"round {i}",), i
try:
    cur.execute("INSERT INTO py VALUES (1, 'twice')")
    raise AssertionError("a duplicate was taken")
except errors.UniqueViolation:
    pass
try:
    cur.execute("SELECT nothing FROM py")
    raise AssertionError("a column was found that is not there")
except errors.UndefinedColumn as error:
    assert "nothing" in str(error)

# A transaction that fails, and is rolled back.
conn.autocommit = False
cur.execute("SELECT 1")
try:
    cur.execute("SELECT 1/0")
    raise AssertionError("divided by zero")
except errors.DivisionByZero:
    pass
try:
    cur.execute("SELECT 1")
    raise AssertionError("a failed transaction went on")
except errors.InFailedSqlTransaction:
    conn.rollback()

# A cursor on the server, fetched in parts.
if generation == "2":
    named = conn.cursor("portal")
    named.itersize = 7
else:
    named = conn.cursor(name="portal")
    named.itersize = 7
named.execute("SELECT id FROM py ORDER BY id")
assert [row[0] for row in named] == list(range(20))
named.close()
conn.commit()

# COPY in both directions.
if generation == "2":
    import io
    cur.copy_expert("COPY py FROM STDIN", io.StringIO("100\tcopied\n101\tcopied\n"))
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT id FROM py WHERE id >= 100 ORDER BY id) TO STDOUT", out)
    assert out.getvalue() == "100\n101\n"
else:
    with cur.copy("COPY py FROM STDIN") as copy:
        copy.write_row((100, "copied"))
        copy.write_row((101, "copied"))
    with cur.copy("COPY (SELECT id FROM py WHERE id >= 100 ORDER BY id) TO STDOUT") as copy:
        assert [bytes(data) for data in copy] == [b"100\n", b"101\n"]
conn.commit()

if generation == "3":
    # Prepared after five runs, and a pipeline of many statements.
    conn.autocommit = True
    for i in range(12):
        assert cur.execute("SELECT id FROM py WHERE id = %s", (i,)).fetchone() == (i,)
    if driver.capabilities.has_pipeline() if hasattr(driver, "capabilities") else True:
        with conn.pipeline():
            for i in range(30):
                cur.execute("UPDATE py SET name = %s WHERE id = %s", (f"piped {i}", i % 20))
        with conn.pipeline():
            cursors = [conn.execute("SELECT name FROM py WHERE id = %s", (i,)) for i in range(10)]
            names = [one.fetchone()[0] for one in cursors]
        assert names == [f"piped {20 + i}" for i in range(10)], names
else:
    conn.autocommit = True

cur.execute("SET application_name = 'python'")
cur.execute("SHOW application_name")
assert cur.fetchone() == ("python",)
cur.execute("DROP TABLE py")
conn.close()
print("done")

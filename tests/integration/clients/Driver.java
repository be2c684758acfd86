import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** What an application does over JDBC: the one argument is the port. */
public class Driver {
  public static void main(String[] args) throws Exception {
    String url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/postgres?user=app&password=secret";
    for (String mode : new String[] {"extended", "simple", "extendedForPrepared"}) {
      try (Connection conn = DriverManager.getConnection(url + "&preferQueryMode=" + mode)) {
        run(conn);
      }
    }
    System.out.println("done");
  }

  static void run(Connection conn) throws SQLException {
    Statement statement = conn.createStatement();
    statement.execute("CREATE TABLE jdbc (id int PRIMARY KEY, name text)");
    try (PreparedStatement insert = conn.prepareStatement("INSERT INTO jdbc VALUES (?, ?)")) {
      for (int i = 0; i < 50; i++) {
        insert.setInt(1, i);
        insert.setString(2, "name " + i);
        insert.addBatch();
      }
      insert.executeBatch();
    }
    try (PreparedStatement update = conn.prepareStatement("UPDATE jdbc SET name = ? WHERE id = ?");
        PreparedStatement read = conn.prepareStatement("SELECT name FROM jdbc WHERE id = ?")) {
      for (int i = 0; i < 20; i++) {
        update.setString(1, "round " + i);
        update.setInt(2, i);
        check(update.executeUpdate() == 1, "one row is updated");
        read.setInt(1, i);
        try (ResultSet rows = read.executeQuery()) {
          check(rows.next() && rows.getString(1).equals("round " + i), "reads what it wrote");
        }
      }
    }
    try {
      statement.execute("INSERT INTO jdbc VALUES (1, 'twice')");
      throw new AssertionError("a duplicate was taken");
    } catch (SQLException error) {
      check(error.getSQLState().equals("23505"), error.getSQLState());
    }
    conn.setAutoCommit(false);
    try (PreparedStatement cursor = conn.prepareStatement("SELECT id FROM jdbc ORDER BY id")) {
      cursor.setFetchSize(7);
      int expected = 0;
      try (ResultSet rows = cursor.executeQuery()) {
        while (rows.next()) check(rows.getInt(1) == expected++, "rows in order");
      }
      check(expected == 50, "all rows");
    }
    statement.executeUpdate("DELETE FROM jdbc");
    conn.rollback();
    conn.setReadOnly(true);
    try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM jdbc")) {
      check(rows.next() && rows.getInt(1) == 50, "the rollback counts");
    }
    conn.commit();
    conn.setReadOnly(false);
    conn.setAutoCommit(true);
    check(conn.getMetaData().getTables(null, "public", "jdbc", null).next(), "metadata");
    statement.execute("DROP TABLE jdbc");
  }

  static void check(boolean held, String what) {
    if (!held) throw new AssertionError(what);
  }
}

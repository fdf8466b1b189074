using System.Text;

namespace DistTrain.Cli.Runs;

/// <summary>
/// A file that grows by lines; any thread. A line that the disk does not take is left out whole, and the first of a row of such is told: a run
/// is worth more than its diary.
/// </summary>
internal sealed class LineFile : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly Action<string> _warn;
    private readonly FileStream _stream;
    private bool _isFailing;

    /// <summary>Opens it, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="warn">Told that lines are left out.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public LineFile(string path, Action<string> warn)
    {
        (_path, _warn) = (path, warn);
        // Without a buffer: what could not be written is not tried again by Dispose.
        _stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        if (EndsInALine(path))
        {
            // Its writer was killed: what comes is not to become part of the line that it began.
            Write("");
        }
    }

    /// <summary>Adds a line.</summary>
    public void Write(string line)
    {
        lock (_gate)
        {
            try
            {
                _stream.Write(Encoding.UTF8.GetBytes(line + "\n"));
                _isFailing = false;
            }
            catch (IOException e)
            {
                CutOff();
                if (!_isFailing)
                {
                    _isFailing = true;
                    _warn($"{_path}: lines are left out until the disk takes them: {e.Message}");
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    /// <summary>Whether the file's last line has no end.</summary>
    private static bool EndsInALine(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return stream.CanSeek && stream.Length > 0 && stream.Seek(-1, SeekOrigin.End) >= 0 && stream.ReadByte() != '\n';
    }

    /// <summary>Takes back what was written of a line: a failed write has not moved the position.</summary>
    private void CutOff()
    {
        try
        {
            _stream.SetLength(_stream.Position);
        }
        catch (Exception e) when (e is IOException or NotSupportedException or ArgumentException)
        {
            // The next line is written over it.
        }
    }
}

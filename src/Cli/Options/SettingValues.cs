using System.CommandLine;
using DistTrain.Cli.Platforms;

namespace DistTrain.Cli.Options;

/// <summary>Where a value comes from, the strongest last.</summary>
public enum SettingOrigin
{
    /// <summary>Nobody said anything.</summary>
    Default,

    /// <summary>The file that <c>--config</c> names.</summary>
    ConfigFile,

    /// <summary>What Slurm or Kubernetes set for the process that they started.</summary>
    Platform,

    /// <summary>A <c>DISTTRAIN_*</c> variable.</summary>
    Environment,

    /// <summary>The command line.</summary>
    CommandLine,
}

/// <summary>The values of a verb's options: command line over environment over platform over configuration file over default.</summary>
public sealed class SettingValues
{
    private readonly Dictionary<Setting, (string Text, SettingOrigin Origin, string Place)> _given = [];
    private readonly List<string> _problems = [];

    private SettingValues(ConfigFile? file) => File = file;

    /// <summary>Nothing given.</summary>
    public static SettingValues Empty { get; } = new(null);

    /// <summary>The configuration file, if <c>--config</c> named one.</summary>
    public ConfigFile? File { get; }

    /// <summary>What could not be read, where <see cref="Collect"/> was to go on; in the order in which it was looked at.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Collects what was given.</summary>
    /// <param name="options">The verb's options as the parser knows them.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="surroundings">For the environment.</param>
    /// <param name="isTask">Whether a platform may have started the verb: see <see cref="Verbs.Verb.IsTask"/>.</param>
    /// <param name="goesOn">Whether what cannot be read is left out and told by <see cref="Problems"/>: see <see cref="Verbs.Verb.TellsProblems"/>.</param>
    /// <exception cref="Core.InvalidInputException">The configuration file, or what the platform says, cannot be used.</exception>
    public static SettingValues Collect(
        IReadOnlyDictionary<Setting, Option<string?>> options, ParseResult parsed, Surroundings surroundings, bool isTask, bool goesOn = false)
    {
        var commandLine = FromCommandLine(options, parsed);
        var (path, place) = commandLine.TryGetValue(CommonOptions.Config, out var given)
            ? (given, CommonOptions.Config.Name)
            : (options.ContainsKey(CommonOptions.Config) ? FromEnvironment(CommonOptions.Config, surroundings) : null, CommonOptions.Config.Variable);
        var problems = new List<string>();
        ConfigFile? file = null;
        Try(() => file = path is null ? null : ConfigFile.Read(surroundings.Resolve(CommonOptions.Config.Read(path, place))));
        var values = new SettingValues(file);
        foreach (var setting in options.Keys)
        {
            if (commandLine.TryGetValue(setting, out var text))
            {
                values._given[setting] = (text, SettingOrigin.CommandLine, setting.Name);
            }
            else
            {
                Try(() => values.TakeFromSurroundings(setting, surroundings, isTask));
            }
        }

        values.TakeFromFile(options.Keys);
        values._problems.AddRange(problems);
        return values;

        void Try(Action read)
        {
            try
            {
                read();
            }
            catch (Core.InvalidInputException e) when (goesOn)
            {
                problems.Add(e.Message);
            }
        }
    }

    /// <summary>The same options, and some that the verb does not take on its command line, from the environment, the platform and the configuration file.</summary>
    /// <exception cref="Core.InvalidInputException">What the platform says cannot be used.</exception>
    public SettingValues And(IEnumerable<Setting> settings, Surroundings surroundings)
    {
        var values = With([]);
        var others = settings.Where(setting => !Has(setting)).ToList();
        others.ForEach(setting => values.TakeFromSurroundings(setting, surroundings, isTask: true));
        values.TakeFromFile(others);
        return values;
    }

    /// <summary>The same options, but for one that the platform determines.</summary>
    /// <param name="setting">The option.</param>
    /// <param name="text">Its value.</param>
    /// <param name="place">The variable that it follows from.</param>
    public SettingValues OfPlatform(Setting setting, string text, string place)
    {
        var values = With([]);
        values._given[setting] = (text, SettingOrigin.Platform, place);
        return values;
    }

    /// <summary>The same options, and a file's values for all of a run's options that they do not give.</summary>
    public SettingValues Over(ConfigFile file)
    {
        var values = new SettingValues(file);
        foreach (var (setting, given) in _given)
        {
            values._given.Add(setting, given);
        }

        values.TakeFromFile(CommonOptions.OfRun);
        return values;
    }

    /// <summary>The same values but for some options, as if nobody had given those.</summary>
    public SettingValues Without(IEnumerable<Setting> settings)
    {
        var values = new SettingValues(File);
        foreach (var (setting, given) in _given.Where(pair => !settings.Contains(pair.Key)))
        {
            values._given.Add(setting, given);
        }

        return values;
    }

    /// <summary>The same options, but for some that are other texts.</summary>
    public SettingValues With(IEnumerable<(Setting Setting, string Text)> others)
    {
        var values = new SettingValues(File);
        foreach (var (setting, given) in _given)
        {
            values._given.Add(setting, given);
        }

        foreach (var (setting, text) in others)
        {
            values._given[setting] = (text, SettingOrigin.CommandLine, setting.Name);
        }

        return values;
    }

    /// <summary>The same options, and for those that nobody gave what an earlier command recorded.</summary>
    /// <param name="recorded">Texts by <see cref="Setting.Key"/>.</param>
    /// <param name="settings">Those that may have been recorded.</param>
    /// <param name="path">Where it was recorded, for messages.</param>
    public SettingValues Over(IReadOnlyDictionary<string, string> recorded, IEnumerable<Setting> settings, string path)
    {
        var values = With([]);
        foreach (var setting in settings)
        {
            if (recorded.TryGetValue(setting.Key, out var text) && !values.Has(setting))
            {
                values._given.Add(setting, (text, SettingOrigin.ConfigFile, $"{path}: {setting.Key}"));
            }
        }

        return values;
    }

    /// <summary>What was given, as it was written; null if nothing was.</summary>
    public string? Text(Setting setting) => _given.TryGetValue(setting, out var given) ? given.Text : null;

    /// <summary>Who gave the value.</summary>
    public SettingOrigin Origin(Setting setting) => _given.TryGetValue(setting, out var given) ? given.Origin : SettingOrigin.Default;

    /// <summary>Whether anybody gave a value.</summary>
    public bool Has(Setting setting) => _given.ContainsKey(setting);

    /// <summary>The place a value was given at, for messages.</summary>
    public string Place(Setting setting) => _given.TryGetValue(setting, out var given) ? given.Place : setting.Name;

    /// <summary>The value, or <paramref name="default"/> if none was given.</summary>
    /// <exception cref="Core.InvalidInputException">What was given is no such value.</exception>
    public T Get<T>(Setting<T> setting, T @default) => _given.TryGetValue(setting, out var given) ? setting.Read(given.Text, given.Place) : @default;

    /// <summary>The value, or null if none was given.</summary>
    /// <exception cref="Core.InvalidInputException">What was given is no such value.</exception>
    public T? Find<T>(Setting<T> setting)
        where T : struct => _given.TryGetValue(setting, out var given) ? setting.Read(given.Text, given.Place) : null;

    /// <inheritdoc cref="Find{T}(Setting{T})"/>
    public string? FindText(Setting<string> setting) => _given.TryGetValue(setting, out var given) ? setting.Read(given.Text, given.Place) : null;

    /// <summary>What the command line said, as arguments again, but for some.</summary>
    public IEnumerable<string> CommandLine(params IReadOnlyCollection<Setting> without) => _given
        .Where(pair => pair.Value.Origin == SettingOrigin.CommandLine && !without.Contains(pair.Key))
        .SelectMany(pair => pair.Key.IsFlag ? [pair.Key.Name] : new[] { pair.Key.Name, pair.Value.Text });

    private void TakeFromSurroundings(Setting setting, Surroundings surroundings, bool isTask)
    {
        if (FromEnvironment(setting, surroundings) is { } text)
        {
            _given[setting] = (text, SettingOrigin.Environment, setting.Variable);
        }
        else if (isTask && PlatformValues.Find(setting, surroundings.Variable) is var (value, variable))
        {
            _given[setting] = (value, SettingOrigin.Platform, variable);
        }
    }

    private void TakeFromFile(IEnumerable<Setting> settings)
    {
        foreach (var setting in settings)
        {
            if (File?.Values.TryGetValue(setting.Key, out var value) == true && !_given.ContainsKey(setting))
            {
                _given.Add(setting, (value.Text, SettingOrigin.ConfigFile, $"{File.Path} (line {value.Line}): {setting.Key}"));
            }
        }
    }

    private static Dictionary<Setting, string> FromCommandLine(IReadOnlyDictionary<Setting, Option<string?>> options, ParseResult parsed)
    {
        var result = new Dictionary<Setting, string>();
        foreach (var (setting, option) in options)
        {
            if (parsed.GetResult(option) is { Implicit: false } given)
            {
                result[setting] = string.Concat(given.Tokens.Select(token => token.Value));
            }
        }

        return result;
    }

    /// <summary>An empty variable counts as not set.</summary>
    private static string? FromEnvironment(Setting setting, Surroundings surroundings) =>
        !setting.IsHidden && surroundings.Variable(setting.Variable) is { Length: > 0 } text ? text : null;
}

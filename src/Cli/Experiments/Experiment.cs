using DistTrain.Cli.Plots;

namespace DistTrain.Cli.Experiments;

/// <summary>
/// A question put to the product: <c>disttrain experiment NAME</c>. To add one, derive from it and name it in <see cref="ExperimentCatalog"/>: train with
/// <see cref="ExperimentContext.TrainAsync"/>, judge the numbers by a pure function, and hand back a table, the data of the CSV and a figure.
/// </summary>
public abstract class Experiment
{
    /// <summary>What users say: lower case with dashes.</summary>
    public abstract string Name { get; }

    /// <summary>One line: what is done.</summary>
    public abstract string Description { get; }

    /// <summary>One sentence: what to see in the result. The judgement says whether it is there.</summary>
    public abstract string WhatToSee { get; }

    /// <summary>Does it.</summary>
    /// <param name="context">Data, seed, size, and who trains.</param>
    public abstract Task<ExperimentResult> RunAsync(ExperimentContext context);
}

/// <summary>What came out. Its CSV depends neither on time nor on who computed: it has the same bytes for any number of workers.</summary>
/// <param name="Summary">Printed: a few rows.</param>
/// <param name="Data">The CSV: every number of the figure.</param>
/// <param name="Figure">The PNG.</param>
/// <param name="Judgement">Whether the effect appears.</param>
public sealed record ExperimentResult(Table Summary, Table Data, Figure Figure, Judgement Judgement);

/// <summary>Whether the effect that an experiment is to show appears in its numbers.</summary>
/// <param name="IsSeen">Whether it does.</param>
/// <param name="Because">The numbers that say so, as half a sentence.</param>
public sealed record Judgement(bool IsSeen, string Because);
